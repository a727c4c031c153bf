// One GiB to a slow reader, a snapshot of two GiB, a thousand followed logs.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { followLogsAtOnce, readSnapshot, startOwnGateway } from '../support/large-streams.ts';
import { type Stack, type StackOptions, startStack } from '../support/stack.ts';

const gib = 1024 * 1024 * 1024;
const settings = (snapshotBytes: number): StackOptions => ({
  node: { snapshotBytes, logRate: 1 },
  config: raw => {
    raw['log'] = { level: 'info' };
    raw['limits'] = { shutdown_grace: '3s' };
  },
  policy: ['p, user:carol@example.com, *, *, *, **, allow'],
});

let small: Stack;
let large: Stack;
beforeAll(async () => {
  small = await startStack(settings(gib));
  large = await startStack(settings(2 * gib));
});
afterAll(async () => {
  await small.close();
  await large.close();
});

test('a reader of 1 GiB at 40 MiB/s holds the memory of the gateway flat', async () => {
  const gateway = await startOwnGateway(small);
  const figures = await readSnapshot(gateway, 50);
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  await gateway.stop();
  expect(figures).toMatchObject({ mib: 1024, intact: true, code: 0 });
  expect(figures.rssMiB[1] - figures.rssMiB[0]).toBeLessThan(128);
});

test('an etcd snapshot of 2 GiB comes through whole', async () => {
  const gateway = await startOwnGateway(large);
  const figures = await readSnapshot(gateway, 0);
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  await gateway.stop();
  expect(figures).toMatchObject({ mib: 2048, intact: true, code: 0 });
  expect(figures.rssMiB[1] - figures.rssMiB[0]).toBeLessThan(128);
});

test('a thousand logs are followed at once, three times over', async () => {
  const gateway = await startOwnGateway(small);
  for (let round = 0; round < 3; round += 1) {
    const figures = await followLogsAtOnce(small, gateway, 1000);
    process.stdout.write(`${JSON.stringify(figures)}\n`);
    expect(figures.upstream).toEqual([1000, 0]);
  }
  await gateway.stop();
});
