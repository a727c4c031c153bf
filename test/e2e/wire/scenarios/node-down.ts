import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { grpcCodes } from '../../../../src/core/grpc.ts';
import type { Bench, Call } from '../bench.ts';
import { expectRecords, line } from '../records.ts';
import { samples } from '../samples.ts';
import { nodes } from '../twins.ts';
import {
  askingRecords,
  codesOf,
  isMerged,
  isUnmergeable,
  recordsOf,
  secondNode,
  usageWordsIn,
  type Way,
} from '../ways.ts';

/** A caller is told that a node is away within so long, milliseconds. */
const awayMs = 2000;

/** A call on a grant does not use it up when its node is away: it is refused before, and leaves no intent. */
function keepsGrant(path: string): boolean {
  return path === '/machine.DebugService/ContainerRun';
}

export function describeNodeDown(bench: () => Bench): void {
  describe('node down: UNAVAILABLE at once, the others answer', () => {
    beforeAll(() => bench().twins.each(twin => twin.node(nodes.worker).control.kill()));
    afterAll(() => bench().twins.each(twin => twin.node(nodes.worker).control.start()));

    test.each(samples)('$path', async sample => {
      const { watch } = bench();
      await watch.moveOn();
      const { path, take } = sample;
      const second = secondNode(sample);
      const ways: Way[] = [
        { to: { node: nodes.worker }, targets: [nodes.worker] },
        { to: { nodes: [nodes.worker] }, targets: [nodes.worker] },
        { to: { nodes: [nodes.worker, second] }, targets: [nodes.worker, second] },
      ];
      const complaints: string[] = [];
      const records: string[] = [];
      for (const way of ways) {
        const endless = take !== undefined && way.targets.length > 1 && isMerged(sample, way);
        // One message says that the worker is away.
        const call: Call = {
          ...{ sample, to: way.to, as: 'carol', scenario: 'node down' },
          take: endless ? take + 1 : undefined,
        };
        if (!isUnmergeable(sample, way)) await bench().agree(call);
        const pair = await bench().both(call);
        complaints.push(...bench().compare(call, pair), ...usageWordsIn(pair.through));
        if (!endless) expect(pair.through.milliseconds).toBeLessThan(awayMs);
        records.push(...askingRecords(sample, way));
        if (isUnmergeable(sample, way)) {
          records.push(...recordsOf(sample, way, pair.through));
          continue;
        }
        for (const [name, code] of codesOf(sample, way, pair.through)) {
          const away = name === nodes.worker;
          if (away) expect(code).toBe(grpcCodes.UNAVAILABLE);
          if (away && keepsGrant(path)) {
            records.push(line.deny(path, name, code, 'node-unreachable'));
            continue;
          }
          const cause = away ? 'not-forwarded' : pair.through.left ? 'client' : 'server';
          records.push(line.intent(path, name), line.outcome(path, name, code, cause));
        }
      }
      expect(complaints).toEqual([]);
      await expectRecords(watch, records);
    });
  });

  describe('node down that nobody named: UNAVAILABLE at once', () => {
    beforeAll(() => bench().twins.behind.node(nodes.cp1).control.kill());
    afterAll(() => bench().twins.behind.node(nodes.cp1).control.start());

    test.each(samples)('$path', async sample => {
      const { watch } = bench();
      await watch.moveOn();
      const { path } = sample;
      const call: Call = { sample, to: {}, as: 'carol', scenario: 'node down' };
      await bench().agree(call);
      const reply = await bench().through(call);
      const shell = keepsGrant(path);
      expect(reply).toMatchObject({ code: grpcCodes.UNAVAILABLE, httpStatus: 200 });
      // A last line and exit code 1, for a stock talosctl in a terminal.
      expect(reply.messages).toHaveLength(shell ? 2 : 0);
      if (!shell) expect(reply.trailers).toEqual([]);
      expect(reply.milliseconds).toBeLessThan(awayMs);
      expect(usageWordsIn(reply)).toEqual([]);
      await expectRecords(watch, [
        ...askingRecords(sample, { to: {}, targets: [nodes.cp1] }),
        ...(shell
          ? [line.deny(path, nodes.cp1, grpcCodes.UNAVAILABLE, 'node-unreachable')]
          : [line.intent(path, nodes.cp1), line.outcome(path, nodes.cp1, grpcCodes.UNAVAILABLE, 'not-forwarded')]),
      ]);
    });
  });
}
