// The short form of test/soak/large-streams.soak.ts: smaller sizes, and memory in use instead of resident memory, which is noise at these sizes.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { followLogsAtOnce, type OwnGateway, stallSnapshot, startOwnGateway } from '../support/large-streams.ts';
import { type Stack, startStack } from '../support/stack.ts';

const sizeMiB = 32;

let stack: Stack;
let gateway: OwnGateway;
beforeAll(async () => {
  stack = await startStack({
    node: { snapshotBytes: sizeMiB * 1024 * 1024, logRate: 1 },
    config: raw => {
      raw['log'] = { level: 'info' };
      raw['limits'] = { shutdown_grace: '3s' };
    },
    policy: ['p, user:carol@example.com, *, *, *, **, allow'],
  });
  gateway = await startOwnGateway(stack);
});
afterAll(() => stack.close());

test('a reader who stops in a large stream does not fill the memory of the gateway', async () => {
  const figures = await stallSnapshot(gateway, 4 * 1024 * 1024);
  expect(figures).toMatchObject({ mib: sizeMiB, intact: true, code: 0 });
  // A gateway that buffers would hold the other 28 MiB. This one holds what fits into the windows, about 2.
  expect(figures.liveMiB[1] - figures.liveMiB[0]).toBeLessThan(sizeMiB / 2);
});

test('a thousand logs can be followed at once, and nothing is left of them', async () => {
  const figures = await followLogsAtOnce(stack, gateway, 1000);
  expect(figures.upstream).toEqual([1000, 0]);
});

test('SIGTERM: the process says GOAWAY, unary calls finish, followers are told, and it exits with 0', async () => {
  const client = await gateway.h2('alice');
  const { worker, worker2 } = stack.nodes;
  const goaway = new Promise<number>(resolve => client.session.once('goaway', resolve));
  worker2.control.delayNext('/machine.MachineService/Version', 1000);
  const slow = client.unary('/machine.MachineService/Version', Buffer.of(), [['node', worker2.name]]);
  const following = client.start('/machine.MachineService/Logs', [['node', worker.name]]);
  following.send(Buffer.from([18, 7, ...Buffer.from('kubelet'), 10, 6, ...Buffer.from('system'), 32, 1]));
  following.stream.end();
  await following.received(1);
  const stopped = gateway.stop();
  expect(await goaway).toBe(0);
  expect((await slow).code).toBe(0);
  expect(await following.reply).toMatchObject({
    code: 14,
    message: expect.stringMatching(/being restarted/) as string,
  });
  expect(await stopped).toBe(0);
  expect(worker.control.openStreams() + worker2.control.openStreams()).toBe(0);
});
