import { describe, expect, test } from 'vitest';
import { grpcCodes } from '../../../../src/core/grpc.ts';
import { readTsv } from '../../../unit/catalog/tsv.ts';
import { allMethods, type Bench, type Call } from '../bench.ts';
import { expectRecords, line } from '../records.ts';
import type { Sample } from '../sample.ts';
import { nodes } from '../twins.ts';
import { usageWordsIn } from '../ways.ts';

const served = new Set(allMethods.map(({ path }) => path));
const unserved = readTsv('catalogue.tsv').filter(row => !served.has(row['method'] ?? ''));
const removed = unserved.filter(row => row['deprecated_or_removed']?.startsWith('removed'));
const elsewhere = unserved.filter(row => row['served_by_apid'] === 'n');

const unknown = [
  '/machine.MachineService/Nothing',
  '/nothing.Service/Nothing',
  '/grpc.health.v1.Health/Check',
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  '/machine.MachineService/version',
  '/machine.MachineService/Version/',
];

export function describeUnknown(bench: () => Bench): void {
  describe('what the gateway does not serve', () => {
    test('are the methods that Talos has removed and those of other ports, of all that are known', () => {
      expect(removed).toHaveLength(2);
      expect(elsewhere).toHaveLength(4);
      expect(unserved).toHaveLength(6);
    });

    test.each([...unserved.map(row => row['method'] ?? ''), ...unknown])('%s is UNIMPLEMENTED', async path => {
      const { watch } = bench();
      await watch.moveOn();
      const sample: Sample = { path, requests: [Buffer.of()], halfCloses: true };
      const ways = [{ node: nodes.worker }, { nodes: [nodes.worker] }, {}];
      for (const to of ways) {
        const call: Call = { sample, to, as: 'carol', scenario: 'unknown method' };
        const { direct, through } = await bench().both(call);
        expect(direct.code).toBe(grpcCodes.UNIMPLEMENTED);
        expect(through).toMatchObject({ code: direct.code, httpStatus: 200, messages: [], trailers: [] });
        expect(usageWordsIn(through)).toEqual([]);
        expect(bench().reached()).toEqual([]);
      }
      const refused = line.deny(path, undefined, grpcCodes.UNIMPLEMENTED, 'unknown-method');
      await expectRecords(
        watch,
        ways.map(() => refused),
      );
    });
  });
}
