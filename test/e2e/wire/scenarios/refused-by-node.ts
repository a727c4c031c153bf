import { create, toBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { grpcCodes } from '../../../../src/core/grpc.ts';
import { StatusSchema } from '../../../../src/gen/google/rpc/status_pb.js';
import type { Bench, Call } from '../bench.ts';
import { expectRecords } from '../records.ts';
import { samples } from '../samples.ts';
import { askingRecords, codesOf, isUnmergeable, recordsOf, waysOf } from '../ways.ts';

/** A status with everything that gRPC lets a status have. */
const fault = {
  code: 'RESOURCE_EXHAUSTED',
  message: 'kernel says: 100% "full", naïve\nsecond line',
  details: Buffer.from(
    toBinary(
      StatusSchema,
      create(StatusSchema, {
        code: grpcCodes.RESOURCE_EXHAUSTED,
        message: 'details',
        details: [{ typeUrl: 'type.googleapis.com/google.rpc.RetryInfo', value: Buffer.of(10, 2, 8, 5) }],
      }),
    ),
  ),
} as const;

export function describeRefusedByNode(bench: () => Bench): void {
  describe('refused by the node: the status comes through with its message and its details', () => {
    test.each(samples)('$path', async sample => {
      const { watch, twins } = bench();
      await watch.moveOn();
      const complaints: string[] = [];
      const records: string[] = [];
      for (const way of waysOf(sample)) {
        const call: Call = { sample, to: way.to, as: 'carol', scenario: 'refused by the node' };
        if (!isUnmergeable(sample, way)) {
          await bench().agree(call);
          for (const twin of [twins.direct, twins.behind]) {
            for (const name of way.targets) twin.node(name).control.failNext(sample.path, fault);
          }
        }
        const pair = await bench().both(call);
        complaints.push(...bench().compare(call, pair));
        if (!isUnmergeable(sample, way)) {
          const codes = [...codesOf(sample, way, pair.through).values()];
          expect(codes).toEqual(way.targets.map(() => grpcCodes[fault.code]));
        }
        records.push(...askingRecords(sample, way), ...recordsOf(sample, way, pair.through));
      }
      expect(complaints).toEqual([]);
      await expectRecords(watch, records);
    });
  });
}
