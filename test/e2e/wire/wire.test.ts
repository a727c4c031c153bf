// The contract of issue 3 without talosctl: for every method, what a node answers directly is what it answers through
// the gateway, to both generations of clients; and what the gateway refuses stays inside it.
import { create, toBinary } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { grpcCodes } from '../../../src/core/grpc.ts';
import { StatusSchema } from '../../../src/gen/google/rpc/status_pb.js';
import { until } from '../../support/until.ts';
import { readTsv } from '../../unit/catalog/tsv.ts';
import { allMethods, Bench, type Call, describeCall, methodOf, streams } from './bench.ts';
import { expectRecords, line } from './records.ts';
import { shapeOf } from './reply-shape.ts';
import type { Sample } from './sample.ts';
import { samples } from './samples.ts';
import type { Addressing, Exchange, Talosctl } from './talosctl.ts';
import { nodes } from './twins.ts';

let bench: Bench;
/** Somebody whom the nodes know and who may do nothing there. */
let powerless: Talosctl;
beforeAll(async () => {
  bench = await Bench.start();
  powerless = await bench.twins.connect('os:nobody');
});
afterAll(() => bench.close());

interface Way {
  readonly to: Addressing;
  /** Nodes that the call is for. */
  readonly targets: readonly string[];
}

/** How each generation of clients addresses a method. The worker refuses what only a control plane does, in-band. */
function waysOf({ on }: Sample): Way[] {
  const [own, second] = on === 'controlplane' ? [nodes.cp2, nodes.worker] : [nodes.worker, nodes.cp1];
  return [
    { to: { node: own }, targets: [own] },
    { to: { nodes: [own] }, targets: [own] },
    { to: { nodes: [own, second] }, targets: [own, second] },
    { to: {}, targets: [nodes.cp1] },
  ];
}

const isMerged = (sample: Sample, { to }: Way): boolean => to.nodes !== undefined && methodOf(sample).aggregates;
const isUnmergeable = (sample: Sample, { to }: Way): boolean => to.nodes !== undefined && !methodOf(sample).aggregates;
const times = (take: number | undefined, count: number): number | undefined =>
  take === undefined ? undefined : take * count;

/** Code by node, from a reply through the gateway. */
function codesOf(sample: Sample, way: Way, reply: Exchange): Map<string, number> {
  const code = reply.left ? grpcCodes.CANCELLED : (reply.code ?? -1);
  const codes = new Map<string, number>(way.targets.map(name => [name, code]));
  if (!isMerged(sample, way)) return codes;
  for (const failure of shapeOf(reply, true, streams(methodOf(sample))).failures) {
    const [name = '', failed = ''] = failure.split(' ');
    codes.set(name, Number(failed));
  }
  return codes;
}

/** Records of a call that reached its nodes. */
function forwardedRecords(sample: Sample, way: Way, reply: Exchange): string[] {
  const { path } = sample;
  if (isUnmergeable(sample, way)) return [line.deny(path, undefined, reply.code ?? -1, 'malformed-request')];
  return [...codesOf(sample, way, reply)].flatMap(([name, code]) => [
    line.intent(path, name),
    line.outcome(path, name, code, code === grpcCodes.CANCELLED ? 'client' : 'server'),
  ]);
}

test('every method of the catalog has a sample call', () => {
  expect(samples.map(({ path }) => path).toSorted()).toEqual(allMethods.map(({ path }) => path).toSorted());
  expect(samples).toHaveLength(81);
});

describe('allowed: reply, status and what the node sees are those of a direct call', () => {
  test.each(samples)('$path', async sample => {
    await bench.watch.moveOn();
    const complaints: string[] = [];
    const records: string[] = [];
    for (const way of waysOf(sample)) {
      const [target = ''] = way.targets;
      await bench.prepare(sample, target);
      const call: Call = {
        ...{ sample, to: way.to, as: 'carol', scenario: 'allowed' },
        take: times(sample.take, way.targets.length),
      };
      if (!isUnmergeable(sample, way)) {
        await bench.agree(call);
        if (methodOf(sample).approvalFloor) records.push(line.deny(sample.path, target, 9, 'approval-required'));
      }
      const pair = await bench.both(call);
      complaints.push(...bench.compare(call, pair));
      if (!isUnmergeable(sample, way)) complaints.push(...(await bench.compareSeen(call, way.targets)));
      if (way.to.node !== undefined) complaints.push(...unexpected(sample, pair.direct));
      records.push(...forwardedRecords(sample, way, pair.through));
    }
    expect(complaints).toEqual([]);
    await expectRecords(bench.watch, records);
  });
});

/** Says when the direct call, with which the other is compared, was not the one it was meant to be. */
function unexpected(sample: Sample, { code, left, message, messages }: Exchange): string[] {
  if (sample.take !== undefined) {
    return left && messages.length === sample.take ? [] : [`${messages.length} messages, expected ${sample.take}`];
  }
  const wanted = grpcCodes[sample.refused?.code ?? 'OK'];
  return code === wanted ? [] : [`${sample.path} itself: ${code ?? 'no status'} ${message}`];
}

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

describe('refused by the node: the status comes through with its message and its details', () => {
  test.each(samples)('$path', async sample => {
    await bench.watch.moveOn();
    const complaints: string[] = [];
    const records: string[] = [];
    for (const way of waysOf(sample)) {
      const call: Call = { sample, to: way.to, as: 'carol', scenario: 'refused by the node' };
      if (!isUnmergeable(sample, way)) {
        await bench.agree(call);
        if (methodOf(sample).approvalFloor) records.push(line.deny(sample.path, way.targets[0], 9, 'approval-required'));
        await bench.twins.each(twin => {
          for (const name of way.targets) twin.node(name).control.failNext(sample.path, fault);
        });
      }
      const pair = await bench.both(call);
      complaints.push(...bench.compare(call, pair));
      if (!isUnmergeable(sample, way)) {
        expect([...codesOf(sample, way, pair.through).values()]).toEqual(way.targets.map(() => grpcCodes[fault.code]));
      }
      records.push(...forwardedRecords(sample, way, pair.through));
    }
    expect(complaints).toEqual([]);
    await expectRecords(bench.watch, records);
  });
});

describe('denied: as a node denies a role, and nothing reaches a node', () => {
  test.each(samples)('$path', async sample => {
    await bench.watch.moveOn();
    const complaints: string[] = [];
    const records: string[] = [];
    for (const way of waysOf(sample)) {
      const call: Call = { sample, to: way.to, as: 'alice', scenario: 'denied', directly: powerless };
      const pair = await bench.both(call);
      complaints.push(...bench.compare(call, pair), ...toldPlainly(pair.through));
      expect(bench.twins.behind.nodes.flatMap(({ control }) => control.calls())).toEqual([]);
      const inBand = isMerged(sample, way) && methodOf(sample).risk === 'read';
      if (isUnmergeable(sample, way)) {
        records.push(line.deny(sample.path, undefined, grpcCodes.INVALID_ARGUMENT, 'malformed-request'));
        continue;
      }
      expect(pair.through.code).toBe(inBand ? grpcCodes.OK : grpcCodes.PERMISSION_DENIED);
      for (const name of way.targets) records.push(line.deny(sample.path, name, grpcCodes.PERMISSION_DENIED, 'rule'));
    }
    expect(complaints).toEqual([]);
    await expectRecords(bench.watch, records);
  });
});

/** talosctl prints its usage screen on some words (talos cmd/talosctl/cmd/root.go). */
function toldPlainly({ message }: Exchange): string[] {
  return /arg\(s\)|flag|command/i.test(message) ? [message] : [];
}
