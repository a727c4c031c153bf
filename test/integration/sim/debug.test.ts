import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { ContainerDriver, ContainerdNamespace } from '../../../src/gen/common/common_pb.js';
import { DebugService, DebugContainerRunRequestSpec_Profile as Profile } from '../../../src/gen/machine/debug_pb.js';
import { ImageService } from '../../../src/gen/machine/image_pb.js';
import { openSimWorld, type SimClient, type SimWorld, until } from './support/sim-client.ts';

const containerd = { driver: ContainerDriver.CRI, namespace: ContainerdNamespace.NS_SYSTEM };
let world: SimWorld;
let client: SimClient;
let image = '';
beforeAll(async () => {
  world = await openSimWorld();
  client = await world.client('w1');
  const { replies } = await client.call(ImageService.method.pull, { containerd, imageRef: 'alpine' });
  const last = replies.at(-1)?.response;
  image = last?.case === 'name' ? last.value : '';
  expect(replies.filter(reply => reply.response.case === 'pullProgress').length).toBeGreaterThan(5);
});
afterAll(() => world.close());
beforeEach(() => {
  world.node('w1').control.clearCalls();
});

/** A session with what it showed so far. */
function start(spec: { readonly tty?: boolean; readonly args?: string[]; readonly env?: Record<string, string> } = {}) {
  const open = client.open(DebugService.method.containerRun);
  const value = { containerd, imageName: image, profile: Profile.PRIVILEGED, tty: false, ...spec };
  open.send({ request: { case: 'spec', value } });
  const type = (text: string): void => {
    open.send({ request: { case: 'stdinData', value: Buffer.from(text) } });
  };
  const shown = (): string =>
    open.replies.map(({ resp }) => (resp.case === 'stdoutData' ? Buffer.from(resp.value).toString() : '')).join('');
  const exit = (): number | undefined => {
    const last = open.replies.at(-1)?.resp;
    return last?.case === 'exitCode' ? last.value : undefined;
  };
  return { ...open, open, type, shown, exit };
}

test('a shell without terminal runs its input and exits with the last status', async () => {
  const session = start();
  session.type('uname -a; id\ncat /host/etc/os-release\necho $HOSTNAME && false\n');
  session.halfClose();
  const { code } = await session.outcome;
  expect(code).toBe(0);
  expect(session.shown()).toContain('Linux w1 ');
  expect(session.shown()).toContain('uid=0(root)');
  expect(session.shown()).toContain('\nw1\n');
  expect(session.shown()).not.toContain('/ # ');
  expect(session.exit()).toBe(1);
});

test('a terminal echoes, edits, and exits with the number it is told', async () => {
  const session = start({ tty: true });
  await until(() => session.shown() === '/ # ');
  session.type('ech\x7fho hi; exit 7\r');
  await until(() => session.exit() !== undefined);
  expect(session.shown()).toContain('\r\nhi\r\n');
  expect(session.exit()).toBe(7);
  session.open.cancel();
  await session.outcome;
});

test('Ctrl-C stops a program and not the shell, Ctrl-D ends the shell', async () => {
  const session = start({ tty: true });
  session.type('sleep 60\r');
  await until(() => session.shown().includes('sleep 60\r\n'));
  session.type('\x03');
  await until(() => session.shown().endsWith('^C\r\n/ # '));
  session.type('echo $?\r');
  await until(() => session.shown().includes('130\r\n'));
  session.type('\x04');
  await until(() => session.exit() !== undefined);
  session.open.cancel();
  await session.outcome;
});

test('resize changes what programs see', async () => {
  const session = start({ tty: true });
  session.open.send({ request: { case: 'termResize', value: { width: 120, height: 33 } } });
  session.type('stty size\r');
  await until(() => session.shown().includes('33 120\r\n'));
  session.open.cancel();
  expect((await session.outcome).code).toBe(1);
  await until(() => world.node('w1').control.openStreams() === 0);
});

test.each([
  [1, 129],
  [15, 143],
])('signal %d ends the container with status %d', async (signal, status) => {
  const session = start({ args: ['sleep', '60'] });
  session.open.send({ request: { case: 'signal', value: signal } });
  await until(() => session.exit() !== undefined);
  expect(session.exit()).toBe(status);
  session.open.cancel();
  await session.outcome;
});

test('a terminal whose user goes hangs up with 129', async () => {
  const session = start({ tty: true });
  session.halfClose();
  await session.outcome;
  expect(session.exit()).toBe(129);
});

test('the node ends the call only after the client left', async () => {
  const session = start({ args: ['true'] });
  await until(() => session.exit() === 0);
  await new Promise(resolve => setTimeout(resolve, 100));
  expect(world.node('w1').control.openStreams()).toBe(1);
  session.halfClose();
  expect((await session.outcome).code).toBe(0);
});

test('environment and arguments reach the program', async () => {
  const session = start({ args: ['sh', '-c', 'echo $COLOUR'], env: { COLOUR: 'blue' } });
  session.halfClose();
  await session.outcome;
  expect(session.shown()).toBe('blue\n');
});

test('the shell sees the simulated node and nothing of this machine', async () => {
  const session = start();
  session.type(`cat ${import.meta.filename}; cat /host${import.meta.filename}; ls /host; cat /etc/os-release\n`);
  session.halfClose();
  await session.outcome;
  expect(session.shown().match(/No such file or directory/g)).toHaveLength(2);
  expect(session.shown()).toContain('Alpine');
});

test('output that nobody reads stops at the source', async () => {
  const session = start({ args: ['yes', 'x'.repeat(1000)] });
  await until(() => session.open.replies.length > 3);
  session.open.pause();
  const sent = (): number => world.node('w1').control.calls()[0]?.replies ?? 0;
  let last = -1;
  await expect.poll(() => sent() === last || ((last = sent()), false), { interval: 150 }).toBe(true);
  await new Promise(resolve => setTimeout(resolve, 300));
  expect(sent()).toBe(last);
  session.open.cancel();
  await until(() => world.node('w1').control.openStreams() === 0);
});

test.each([
  ['no spec first', { request: { case: 'signal', value: 1 } }, 3],
  [
    'an image that was not pulled',
    { request: { case: 'spec', value: { containerd, imageName: 'nope', profile: 1 } } },
    5,
  ],
  ['no profile', { request: { case: 'spec', value: { containerd, imageName: 'alpine' } } }, 3],
] as const)('containerRun refuses %s', async (_what, first, code) => {
  const open = client.open(DebugService.method.containerRun);
  open.send(first);
  expect((await open.outcome).code).toBe(code);
});

test('a second spec ends the session', async () => {
  const session = start();
  session.open.send({
    request: { case: 'spec', value: { containerd, imageName: image, profile: Profile.PRIVILEGED } },
  });
  expect((await session.outcome).code).toBe(2);
});

test('pull refuses what the registry does not have', async () => {
  const missing = await client.call(ImageService.method.pull, { containerd, imageRef: 'foo/does-not-exist' });
  expect(missing.code).toBe(5);
});
