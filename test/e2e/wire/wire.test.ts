// The contract of talosctl without talosctl: for every method, what a node answers directly is what it answers through
// the gateway, to both generations of clients; and what the gateway refuses stays inside it.
//
// Two equal clusters stand behind it, see twins.ts. All scenarios share them, one gateway and one database.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import { allMethods, Bench } from './bench.ts';
import { openIntents } from './records.ts';
import { samples } from './samples.ts';
import { describeAllowed } from './scenarios/allowed.ts';
import { describeDenied } from './scenarios/denied.ts';
import { describeNodeDown } from './scenarios/node-down.ts';
import { describeRefusedByNode } from './scenarios/refused-by-node.ts';
import { describeUnknown } from './scenarios/unknown.ts';

let running: Bench;
beforeAll(async () => {
  running = await Bench.start();
});
afterAll(() => running.close());
const bench = (): Bench => running;

test('every method of the catalog has one sample call', () => {
  expect(samples.map(({ path }) => path).toSorted()).toEqual(allMethods.map(({ path }) => path).toSorted());
  expect(samples).toHaveLength(81);
});

describeAllowed(bench);
describeRefusedByNode(bench);
describeDenied(bench);
describeUnknown(bench);
describeNodeDown(bench);

describe('after all of it', () => {
  test('no node has a stream without an end', async () => {
    await until(
      () => running.openStreams() === 0,
      () => `${running.openStreams()} are open`,
    );
  });

  test('nothing is allowed to differ that did not', () => {
    expect(running.unusedReasons()).toEqual([]);
  });

  test('every intent in the log has its outcome', async () => {
    const { readerUrl } = running.stack.database;
    await until(
      async () => (await openIntents(readerUrl)).length === 0,
      async () => (await openIntents(readerUrl)).join('\n'),
    );
  });
});
