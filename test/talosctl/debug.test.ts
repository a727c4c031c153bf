// talosctl debug in a terminal, the way people use it: held, decided by somebody else, run.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { callApi } from '../../src/cli/client.ts';
import { until } from '../support/until.ts';
import { worker } from './cases/case.ts';
import { findTalosctl } from './support/binaries.ts';
import { findOpener, PseudoTerminal } from './support/pseudo-terminal.ts';
import { runCase } from './support/run.ts';
import type { World } from './support/world.ts';

const found = await findTalosctl(process.env);
const terminal = findOpener();
const why = found.binaries.length === 0 ? found.about : 'missing' in terminal ? terminal.missing : undefined;
const image = 'docker.io/library/alpine:3.22';

if (why !== undefined) test.skip(`talosctl debug: ${why}`);
describe.runIf(why === undefined).each(found.binaries)('talosctl $version debug', talosctl => {
  let world: World;
  let folder: string;
  const open: PseudoTerminal[] = [];
  const cluster = 'debug';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'talosgate-debug-'));
    // Only now: it brings the whole gateway along, which nobody needs to load where there is no talosctl.
    const { startWorld } = await import('./support/world.ts');
    world = await startWorld([{ name: cluster, talosVersion: talosctl.version, kind: 'shared' }]);
  });
  afterEach(() => {
    for (const one of open.splice(0)) one.close();
  });
  afterAll(async () => {
    await world.close();
    await rm(folder, { recursive: true, force: true });
  });

  test('waits for somebody else, then is the container, and passes its exit code on', async () => {
    const held = start(await world.gatewayConfig(cluster, 'certificate'));
    await held.shows(/needs approval/);
    held.type('look at the kubelet\r');
    await held.shows(/waiting for a decision/);
    await decide('approve', 'go ahead');
    await held.shows(/approved by carol@example.com \("go ahead"\)/);
    held.type('echo one-$((1+1))\rexit 3\r');
    expect(await held.ended()).toBe(1);
    expect(held.text).toContain('container exited with code 3');
  });

  test('shows what a node shows once it is approved', async () => {
    const direct = start(await world.directConfig(cluster));
    const held = start(await world.gatewayConfig(cluster, 'certificate'));
    await held.shows(/needs approval/);
    held.type('compare\r');
    await held.shows(/waiting for a decision/);
    await decide('approve', 'ok');
    for (const one of [direct, held]) {
      await one.shows(/# $/);
      for (const line of ['hostname', 'ls /', 'cat /etc/os-release', 'nonsense']) {
        const before = one.text.length;
        one.type(`${line}\r`);
        await until(() => one.text.slice(before).trimEnd().endsWith('#'));
      }
      one.type('exit 0\r');
      expect(await one.ended()).toBe(0);
    }
    const afterGrant = held.text.slice(held.text.indexOf('approved by'));
    expect(fromPrompt(afterGrant)).toBe(fromPrompt(direct.text));
  });

  test('Ctrl-C while it waits takes the request back', async () => {
    const held = start(await world.gatewayConfig(cluster, 'certificate'));
    await held.shows(/needs approval/);
    held.type('never mind\r');
    await held.shows(/waiting for a decision/);
    held.type('\x03');
    await held.ended();
    expect(held.text).toMatch(/cancelled/);
    expect(held.text).not.toMatch(/Usage:/);
    expect(await pending()).toEqual([]);
  });

  test('Ctrl-C instead of a reason raises nothing', async () => {
    const held = start(await world.gatewayConfig(cluster, 'certificate'));
    await held.shows(/reason>/);
    held.type('\x03');
    await held.ended();
    expect(held.text).toMatch(/nothing was/);
    expect(await pending()).toEqual([]);
  });

  test('a denial is told with its reason, and nothing runs', async () => {
    const held = start(await world.gatewayConfig(cluster, 'certificate'));
    await held.shows(/needs approval/);
    held.type('please\r');
    await held.shows(/waiting for a decision/);
    await decide('deny', 'not during the freeze');
    await held.ended();
    expect(held.text).toMatch(/denied by carol@example.com \("not during the freeze"\)/);
    expect(held.text).not.toMatch(/Usage:|# $/);
  });

  test('without a terminal it does not wait, and says what to do', async () => {
    const config = await world.gatewayConfig(cluster, 'certificate');
    const one = { id: 'debug', command: 'debug', steps: [{ run: ['debug', image, '-n', worker] }] };
    const [printed] = await runCase(talosctl.path, config, one);
    expect(printed?.stdout).toMatch(/needs approval with a reason; run the same on a terminal/);
    expect(printed?.exit).toBe(1);
    expect(printed?.stderr).not.toMatch(/Usage:/);
  });

  test('somebody without the right is refused in the terminal', async () => {
    const held = start(await world.personConfig(cluster, 'alice'));
    await held.ended();
    expect(held.text).toMatch(/PermissionDenied/);
    expect(held.text).not.toMatch(/Usage:|needs approval/);
  });

  function start(config: string): PseudoTerminal {
    if ('missing' in terminal) throw new Error(terminal.missing);
    const words = [talosctl.path, '--talosconfig', config, 'debug', image, '-n', worker];
    const env = { PATH: process.env['PATH'], HOME: folder, TERM: 'xterm' };
    const made = new PseudoTerminal(terminal.opener, words, { cwd: folder, env });
    open.push(made);
    return made;
  }

  /** Ids of the requests that wait. */
  async function pending(): Promise<string[]> {
    const answer = await callApi(world.stack.api('carol'), 'GET', '/api/v1/approvals?state=pending');
    return (answer as { approvals: { id: string }[] }).approvals.map(({ id }) => id);
  }

  async function decide(verdict: 'approve' | 'deny', reason: string): Promise<void> {
    const [id = ''] = await pending();
    await callApi(world.stack.api('carol'), 'POST', `/api/v1/approvals/${id}/decision`, { verdict, reason });
  }
});

/** From the container's first prompt on. */
function fromPrompt(text: string): string {
  return text.slice(text.search(/^.*# /m));
}
