import { ContainerDriver, ContainerdNamespace } from '../../src/gen/common/common_pb.js';
import { DebugContainerRunRequestSpec_Profile } from '../../src/gen/machine/debug_pb.js';
import { cp, paths, worker, worker2 } from './calls.ts';
import { cli } from './cli.ts';
import { DebugSession, type DebugSpec, debugSpec } from './debug-session.ts';
import { vote } from './http.ts';
import type { Replica } from './replica.ts';
import type { Stack } from './stack.ts';
import { until } from './until.ts';

/** Asks beforehand for what `specOf` describes, and has carol agree. Gives the id. */
export async function grantFor(stack: Stack, image: string): Promise<string> {
  const { server, ca = '', certificate = '', key = '' } = stack.api('bob');
  const as = ['--server', server, '--ca', ca, '--certificate', certificate, '--key', key];
  const what = [
    '-n',
    worker,
    '--image',
    image,
    '--no-tty',
    '--env',
    'LEVEL=info',
    '--env',
    'ZONE=a',
    '--reason',
    'look',
  ];
  const asked = await cli(['request', 'debug', ...what, ...as, '--', ...specOf(image).args]);
  const id = /^(dbg-\S+) is pending/.exec(asked.out)?.[1];
  if (id === undefined) throw new Error(`not asked: ${asked.out}${asked.error}`);
  const state = await vote(stack.api('carol'), id);
  if (state !== 'approved') throw new Error(`not granted: ${state}`);
  return id;
}

export function specOf(image: string): DebugSpec {
  return debugSpec(image, { tty: false, args: ['/bin/sh', '-c', 'id; sleep 60'], env: { LEVEL: 'info', ZONE: 'a' } });
}

/** Debug containers that any node was asked for. */
export function runs(stack: Stack): number {
  return stack.seen().filter(call => call.path === paths.containerRun).length;
}

/** So many calls at once for one grant, over two gateways; gives how many got through. Ends them all. */
export async function race(stack: Stack, other: Replica, image: string, count: number): Promise<number> {
  await grantFor(stack, image);
  stack.clearCalls();
  const spec = specOf(image);
  const tries = Array.from(
    { length: count },
    (_, at) => new DebugSession(at % 2 === 0 ? stack.as('bob') : other.as('bob'), spec),
  );
  const running = (): DebugSession[] => tries.filter(session => session.status === undefined);
  await until(
    () => running().length <= 1 && runs(stack) >= 1,
    () => `${running().length} run`,
    120_000,
  );
  const through = runs(stack);
  for (const session of tries) session.leave();
  await until(() => stack.nodes.worker.control.openStreams() === 0);
  return through;
}

/** One changed call: who makes it, of which node, and what it says. */
export interface Mutation {
  readonly what: string;
  readonly spec: DebugSpec;
  readonly node: string;
  readonly as: 'bob' | 'alice' | 'carol';
}

/** At least 200 calls that differ from the granted one in one thing, in an order of their own. */
export function mutations(image: string): Mutation[] {
  const spec = specOf(image);
  const all: Mutation[] = [];
  const add = (what: string, over: Partial<DebugSpec>, node = worker, as: Mutation['as'] = 'bob'): void =>
    void all.push({ what, spec: { ...spec, ...over }, node, as });
  const digestAt = image.indexOf('sha256:') + 'sha256:'.length;
  for (let at = 0; at < 64; at += 1) add(`digest ${at}`, { imageName: replaced(image, digestAt + at) });
  for (let at = 0; at < digestAt - '@sha256:'.length; at += 1) add(`name ${at}`, { imageName: replaced(image, at) });
  for (const [index, text] of spec.args.entries()) {
    const put = (value: readonly string[]): string[] => [
      ...spec.args.slice(0, index),
      ...value,
      ...spec.args.slice(index + 1),
    ];
    for (let at = 0; at < text.length; at += 1) {
      add(`args ${index} ${at}`, { args: put([replaced(text, at)]) });
      add(`args ${index} twice ${at}`, { args: put([text.slice(0, at + 1) + text.slice(at)]) });
      add(`args ${index} without ${at}`, { args: put([text.slice(0, at) + text.slice(at + 1)]) });
      add(`args ${index} blank ${at}`, { args: put([`${text.slice(0, at)} ${text.slice(at)}`]) });
    }
    add(`args without ${index}`, { args: put([]) });
    add(`args twice ${index}`, { args: put([text, text]) });
    add(`args empty before ${index}`, { args: put(['', text]) });
  }
  add('args reversed', { args: spec.args.toReversed() });
  for (const [name, value] of Object.entries(spec.env)) {
    const rest = Object.fromEntries(Object.entries(spec.env).filter(([other]) => other !== name));
    add(`env without ${name}`, { env: rest });
    add(`env lower ${name}`, { env: { ...rest, [name.toLowerCase()]: value } });
    for (let at = 0; at < value.length; at += 1)
      add(`env ${name} ${at}`, { env: { ...rest, [name]: replaced(value, at) } });
    for (let at = 0; at < name.length; at += 1)
      add(`env name ${name} ${at}`, { env: { ...rest, [replaced(name, at)]: value } });
  }
  for (const name of ['LD_PRELOAD', 'PATH', 'HOME', 'A']) add(`env ${name}`, { env: { ...spec.env, [name]: '' } });
  add('profile host-ns', { profile: DebugContainerRunRequestSpec_Profile.HOST_NS });
  add('profile unspecified', { profile: DebugContainerRunRequestSpec_Profile.UNSPECIFIED });
  add('terminal', { tty: true });
  add('namespace', { containerd: { ...spec.containerd, namespace: ContainerdNamespace.NS_CRI } });
  add('driver', { containerd: { ...spec.containerd, driver: ContainerDriver.CRI } });
  for (const node of [worker2, cp]) add(`node ${node}`, {}, node);
  for (const who of ['alice', 'carol'] as const) add(`by ${who}`, {}, worker, who);
  return all;
}

/** Makes a changed call and gives what its caller was told. Whoever would be held leaves. */
export async function tryMutation(stack: Stack, { spec, node, as }: Mutation): Promise<string> {
  const session = new DebugSession(stack.as(as), spec, node);
  if (spec.tty) {
    await session.shows(/needs approval|talosgate: /);
    session.type('\u0003');
  }
  await session.ends();
  return session.text + session.message;
}

/** The text with another character at one place; still a digest where it was one. */
function replaced(text: string, at: number): string {
  const was = text[at] ?? '';
  const now = /[0-9a-f]/.test(was) ? (was === 'a' ? 'b' : 'a') : was === 'x' ? 'y' : 'x';
  return text.slice(0, at) + now + text.slice(at + 1);
}
