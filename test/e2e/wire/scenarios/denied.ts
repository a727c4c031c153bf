import { beforeAll, describe, expect, test } from 'vitest';
import { grpcCodes } from '../../../../src/core/grpc.ts';
import { type Bench, type Call, methodOf, streams } from '../bench.ts';
import { expectRecords, line } from '../records.ts';
import { shapeOf } from '../reply-shape.ts';
import { samples } from '../samples.ts';
import type { Talosctl } from '../talosctl.ts';
import { nodes, wireCluster } from '../twins.ts';
import { isMerged, isUnmergeable, recordsOf, secondNode, usageWordsIn, waysOf } from '../ways.ts';

const denied = grpcCodes.PERMISSION_DENIED;

export function describeDenied(bench: () => Bench): void {
  describe('denied: as a node denies a role, and nothing reaches a node', () => {
    let powerless: Talosctl;
    beforeAll(async () => {
      powerless = await bench().twins.connect('os:nobody');
    });

    test.each(samples)('$path', async sample => {
      const { watch } = bench();
      await watch.moveOn();
      const complaints: string[] = [];
      const records: string[] = [];
      for (const way of waysOf(sample)) {
        const call: Call = { sample, to: way.to, as: 'alice', scenario: 'denied', directly: powerless };
        const pair = await bench().both(call);
        complaints.push(...bench().compare(call, pair), ...usageWordsIn(pair.through));
        expect(bench().reached()).toEqual([]);
        if (isUnmergeable(sample, way)) {
          records.push(...recordsOf(sample, way, pair.through));
          continue;
        }
        const inBand = isMerged(sample, way) && methodOf(sample).risk === 'read';
        expect(pair.through.code).toBe(inBand ? grpcCodes.OK : denied);
        for (const name of way.targets) records.push(line.deny(sample.path, name, denied, 'rule'));
      }
      expect(complaints).toEqual([]);
      await expectRecords(watch, records);
    });
  });

  describe('denied with a token as the password of basic authentication: as with a certificate', () => {
    const kinds = new Map(samples.toReversed().map(sample => [methodOf(sample).kind, sample]));

    test.each([...kinds])('%s', async (_kind, sample) => {
      const powerless = await bench().twins.connect('os:nobody');
      for (const way of waysOf(sample)) {
        const call: Call = { sample, to: way.to, as: 'alice-jwt', scenario: 'denied', directly: powerless };
        expect(bench().compare(call, await bench().both(call))).toEqual([]);
        expect(bench().reached()).toEqual([]);
      }
    });
  });

  describe('denied on one of two nodes: the other answers, the denied one is an error inside the reply', () => {
    const reads = samples.filter(sample => methodOf(sample).aggregates && methodOf(sample).risk === 'read');

    test.each(reads)('$path', async sample => {
      const { watch, twins } = bench();
      await watch.moveOn();
      const { path, take } = sample;
      const second = secondNode(sample);
      const to = { nodes: [second] };
      const direct = await twins.direct.admin.send(sample, to, { context: wireCluster, take });
      const through = await bench().through({
        ...{ sample, to: { nodes: [nodes.worker, second] }, as: 'bob' },
        take: take === undefined ? undefined : take + 1,
      });
      const [alone, both] = [direct, through].map(reply => shapeOf(reply, true, streams(methodOf(sample))));
      expect(both?.messages).toEqual(alone?.messages);
      expect(both?.failures).toEqual([...(alone?.failures ?? []), `${nodes.worker} ${denied}`]);
      await expectRecords(watch, [
        ...recordsOf(sample, { to, targets: [second] }, direct),
        line.deny(path, nodes.worker, denied, 'rule'),
      ]);
    });
  });
}
