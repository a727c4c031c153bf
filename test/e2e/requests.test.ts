// What policy asks of approvals, and requests made before the call.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ApprovalView } from '../../src/cli/approval-view.ts';
import { callApi } from '../../src/cli/client.ts';
import { paths, reboot, worker, worker2 } from '../support/calls.ts';
import { cli as runCli } from '../support/cli.ts';
import { DebugSession, debugSpec, pullImage } from '../support/debug-session.ts';
import { vote } from '../support/http.ts';
import { expectStatus } from '../support/refusal.ts';
import { type Person, type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

const terms = `
- action: debug.run
  node: demo-worker-1
  reason: { pattern: "INC-[0-9]+ .+", expected: "an incident number, such as INC-4711 restart kubelet" }
- action: node.reboot
  node: demo-worker-1
  reason: { pattern: "CHG-[0-9]+", expected: "the number of a change" }
  signed: true
  decision_reason: true
- action: node.reboot
  node: demo-worker-2
  approvals: [{ people: 2 }]
  denials: 2
`;

let stack: Stack;
let image: string;
beforeAll(async () => {
  stack = await startStack({
    config: raw => {
      raw['approvals'] = { max_open: 100 };
    },
    policy: [
      'p, user:bob@example.com, *, *, node.reboot, **, approve',
      'p, user:bob@example.com, *, *, approvals.request, node.reboot, allow',
      'p, user:alice@example.com, *, *, approvals.decide, node.reboot, allow',
      'p, user:alice@example.com, *, *, approvals.request, *, allow',
    ],
  });
  await writeFile(join(stack.directory, 'policies/approvals.yaml'), terms);
  await stack.app.reloadPolicy();
  image = await pullImage(stack.as('bob'));
});
afterAll(() => stack.close());
beforeEach(() => stack.clearCalls());

/** Runs the command line as somebody; gives what it prints, or the words of its refusal. */
async function cli(who: Person, ...words: string[]): Promise<string> {
  const { server, ca = '', certificate = '', key = '' } = stack.api(who);
  const as = ['--server', server, '--ca', ca, '--certificate', certificate, '--key', key];
  const end = words.includes('--') ? words.indexOf('--') : words.length;
  const { out, error } = await runCli([...words.slice(0, end), ...as, ...words.slice(end)]);
  return out + error;
}

async function show(id: string): Promise<ApprovalView> {
  return (await callApi(stack.api('carol'), 'GET', `/api/v1/approvals/${id}`)) as ApprovalView;
}

const idIn = (text: string): string => /([a-z]{3}-[2-9a-z]{5})/.exec(text)?.[1] ?? text;

describe('a rule about reasons', () => {
  test('is told at the prompt until it is met', async () => {
    const session = new DebugSession(stack.as('bob'), debugSpec(image));
    await session.shows('reason> ');
    session.type('stuck kubelet\r');
    await session.shows('talosgate: the reason must hold an incident number, such as INC-4711 restart kubelet\r\n');
    session.type('INC-4711 restart kubelet\r');
    const id = await session.requestId();
    expect(await show(id)).toMatchObject({ reason: 'INC-4711 restart kubelet' });
    session.type('\u0003');
    expect(await session.ends()).toBe(9);
    expect((await show(id)).state).toBe('cancelled');
  });

  test('keeps a call without a terminal from raising a request, and says how to give one', async () => {
    const answer = await reboot(stack.as('bob'));
    expectStatus(
      answer,
      'FAILED_PRECONDITION',
      /node\.reboot on demo-worker-1 needs approval with a reason \(the number of a change\)/,
    );
    expect(answer.message).toContain('talosgate request');
    expect(await cli('bob', 'request', 'node.reboot', '-n', worker, '--reason', 'because')).toContain(
      'the reason must hold the number of a change',
    );
  });
});

describe('a request made beforehand', () => {
  test('is found by the call it was made for, decided with reason and signature as the rule asks, and used once', async () => {
    const asked = await cli('bob', 'request', 'node.reboot', '-n', worker, '--reason', 'CHG-1');
    expect(asked).toMatch(/^rbt-\S+ is pending: bob@example\.com on demo-worker-1, node\.reboot power\/default\n/);
    const id = idIn(asked);
    expect(await cli('bob', 'request', 'node.reboot', '-n', worker, '--reason', 'CHG-2')).toContain(id);
    expectStatus(await reboot(stack.as('bob')), 'FAILED_PRECONDITION', new RegExp(`request ${id} is open`));
    // Not with a vote that is not signed, and not without a reason.
    expect(await vote(stack.api('carol'), id, 'approve', 'ok')).toContain('has to be signed');
    expect(await cli('carol', 'approvals', 'approve', id)).toContain('needs a reason');
    expect(await cli('carol', 'approvals', 'approve', id, '--reason', 'ok')).toContain(`${id} is approved`);
    expect(await cli('carol', 'approvals', 'show', id)).toMatch(
      /vote approve +carol@example\.com at \S+ ok \(signed, key [0-9a-f]{16}\)/,
    );
    stack.nodes.worker.control.failNext('/machine.MachineService/Reboot', { code: 'ABORTED', message: 'once' });
    expectStatus(await reboot(stack.as('bob')), 'ABORTED', /once/);
    await until(async () => (await show(id)).state === 'ended');
    expectStatus(await reboot(stack.as('bob')), 'FAILED_PRECONDITION', /needs approval with a reason/);
  });

  test('for a debug container runs without a terminal and without a word', async () => {
    const asked = await cli(
      'bob',
      'request',
      'debug',
      '-n',
      worker,
      '--image',
      image,
      '--no-tty',
      '--reason',
      'INC-1 look',
      '--',
      '/bin/true',
    );
    const id = idIn(asked);
    expect(await vote(stack.api('carol'), id)).toBe('approved');
    const session = new DebugSession(stack.as('bob'), debugSpec(image, { tty: false, args: ['/bin/true'] }));
    await until(() => stack.seen().some(call => call.path === paths.containerRun));
    expect(session.text).not.toContain('talosgate');
    session.leave();
    await until(async () => (await show(id)).state === 'ended');
  });

  test.each([
    [
      ['debug', '-n', worker, '--image', 'docker.io/library/alpine:3.22', '--reason', 'INC-1 x'],
      'must be named by digest',
    ],
    [
      ['debug', '-n', worker, '--image', `x@sha256:${'a'.repeat(64)}`, '--profile', 'host-ns', '--reason', 'INC-1 x'],
      'may not debug.run on debug/host-ns',
    ],
    [['debug', '-n', worker2, '--image', `x@sha256:${'a'.repeat(64)}`], 'say why with --reason'],
    [['node.version', '-n', worker], 'may not approvals.request'],
    [['node.reboot', '-n', 'nowhere'], 'no such node'],
    [['node.reboot', '-n', worker, '--request', '{"modus": 1}'], 'is not one of /machine.MachineService/Reboot'],
    [['node.reboot', '-n', worker, '--request', '{'], 'is no JSON'],
    [['node.explode', '-n', worker], 'neither an action nor a method'],
    [['node.upgrade', '-n', worker], 'several methods do node.upgrade'],
    [['reset', '-n', worker], 'may not approvals.request'],
  ])('%s is refused: %s', async (words, refusal) => {
    expect(await cli('bob', 'request', ...words)).toContain(refusal);
  });

  test('for what needs no approval is refused', async () => {
    expect(await cli('alice', 'request', 'node.version', '-n', worker)).toContain(
      'needs no approval from you; just run it',
    );
  });

  test('for later is granted now and cannot be used before its time', async () => {
    const start = new Date(Date.now() + 3_600_000).toISOString();
    const words = ['request', 'node.reboot', '-n', worker2, '--reason', 'tonight'];
    const id = idIn(await cli('bob', ...words, '--not-before', start));
    expect(await cli('bob', ...words)).toContain('is open with another start');
    expect(await vote(stack.api('carol'), id)).toBe('pending');
    expect(await vote(stack.api('alice'), id)).toBe('approved');
    const { notBefore, expires } = await show(id);
    expect(notBefore).toBe(start);
    expect(Date.parse(expires) - Date.parse(start)).toBe(1_800_000);
    expectStatus(
      await reboot(stack.as('bob'), { node: worker2 }),
      'FAILED_PRECONDITION',
      /may be used from \S+ on; nothing was started/,
    );
    expect((await show(id)).state).toBe('approved');
    expect(await cli('bob', ...words, '--not-before', '2020-01-01T00:00:00Z')).toContain('lies ahead');
    expect(await cli('bob', 'approvals', 'cancel', id)).toContain(`${id} is withdrawn`);
  });

  test('is void once policy asks for more people than agreed', async () => {
    const words = ['request', 'node.reboot', '-n', 'demo-cp-1', '--reason', 'one is enough'];
    const id = idIn(await cli('bob', ...words));
    expect(await vote(stack.api('carol'), id)).toBe('approved');
    const stricter = `${terms}- { action: node.reboot, node: demo-cp-1, approvals: [{ people: 2 }] }\n`;
    await writeFile(join(stack.directory, 'policies/approvals.yaml'), stricter);
    await stack.app.reloadPolicy();
    expectStatus(
      await reboot(stack.as('bob'), { node: 'demo-cp-1' }),
      'PERMISSION_DENIED',
      /policy asks for more approvals by now/,
    );
    expect((await show(id)).state).toBe('withdrawn');
  });
});
