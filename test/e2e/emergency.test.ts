// Nobody answers and a node is on fire: somebody starts alone, and somebody else looks at it afterwards.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { callApi } from '../../src/cli/client.ts';
import type { AuditWatch } from '../support/audit-watch.ts';
import { paths, reboot, worker, worker2 } from '../support/calls.ts';
import { cli as runCli } from '../support/cli.ts';
import { DebugSession, debugSpec, pullImage } from '../support/debug-session.ts';
import { vote } from '../support/http.ts';
import { type Person, type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

let stack: Stack;
let watch: AuditWatch;
let image: string;
beforeAll(async () => {
  stack = await startStack({
    config: raw => {
      raw['approvals'] = { max_open: 100, emergency: { enabled: true, blocked_by: 'own' } };
    },
    policy: [
      'g, user:bob@example.com, role:breakglass',
      'p, user:alice@example.com, *, *, approvals.decide, *, allow',
      'p, user:bob@example.com, *, *, approvals.decide, *, allow',
      'p, user:alice@example.com, *, *, node.reboot, **, approve',
      'p, user:alice@example.com, *, *, approvals.request, *, allow',
      'p, user:bob@example.com, *, *, node.reboot, **, approve',
      'p, user:bob@example.com, *, *, approvals.request, *, allow',
    ],
  });
  watch = await stack.watch();
  image = await pullImage(stack.as('bob'));
});
afterAll(() => stack.close());
beforeEach(async () => {
  stack.clearCalls();
  await watch.moveOn();
});

async function cli(who: Person, ...words: string[]): Promise<string> {
  const { server, ca = '', certificate = '', key = '' } = stack.api(who);
  const { out, error } = await runCli([
    ...words,
    ...['--server', server, '--ca', ca, '--certificate', certificate, '--key', key],
  ]);
  return out + error;
}

const state = async (id: string): Promise<string> =>
  ((await callApi(stack.api('carol'), 'GET', `/api/v1/approvals/${id}`)) as { state: string }).state;

describe('an emergency at the prompt for the reason', () => {
  test('is confirmed by the name of the node, runs, marks every record, and leaves a review for somebody else', async () => {
    const session = new DebugSession(stack.as('bob'), debugSpec(image));
    await session.shows('reason> ');
    session.type('emergency:\r');
    await session.shows('talosgate: say why, behind the colon; or give a plain reason to ask for approval\r\n');
    session.type('emergency: node on fire\r');
    await session.shows('every channel is told, and a review opens');
    await session.shows('talosgate: confirm> ');
    session.type('worker\r');
    await session.shows(/confirm> worker\r\ntalosgate: reason> /);
    expect(stack.seen()).toEqual([]);
    session.type('emergency: node on fire\r');
    await session.shows(/go back\r\ntalosgate: confirm> (?!worker)/);
    session.type(`${worker}\r`);
    await session.shows(/emergency dbg-\S+: started alone; its review stays open until somebody else closes it/);
    const id = /emergency (dbg-\S+):/.exec(session.text)?.[1] ?? '';
    await session.shows('# ');
    expect(await cli('carol', 'reviews', 'close', id, '--finding', 'x')).toContain('is not over yet');
    session.leave();
    await until(async () => (await state(id)) === 'ended');
    await until(async () => (await watch.records()).some(({ kind }) => kind === 'session.ended'));
    const call = (await watch.records()).find(({ kind }) => kind === 'session.started')?.callId ?? '';
    expect(await cli('carol', 'sessions', 'play', '--text', call)).toContain('# ');
    const about = (await watch.records()).filter(record => record.approvalId === id);
    expect(about.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining([
        'approval.requested',
        'review.opened',
        'approval.claimed',
        'call.intent',
        'call.outcome',
        'approval.ended',
        'session.started',
        'session.chunk',
        'session.replayed',
        'session.ended',
      ]),
    );
    for (const { kind, details } of about) expect([kind, details?.['emergency']]).toEqual([kind, true]);

    // The next one of the same person waits for the review, which is not theirs to close.
    const again = new DebugSession(stack.as('bob'), debugSpec(image));
    await again.shows('reason> ');
    again.type('emergency: once more\r');
    await again.shows('confirm> ');
    again.type(`${worker}\r`);
    expect(await again.ends()).toBe(7);
    expect(again.text).toMatch(
      new RegExp(`the review of emergency ${id} is open; somebody else has to close it first`),
    );
    expect(again.exitCode).toBe(1);
    expect(await cli('bob', 'reviews', 'close', id, '--finding', 'all fine')).toContain('was your own emergency');
    expect(await cli('carol', 'reviews', 'list')).toContain(id);
    expect(await cli('carol', 'reviews', 'close', id, '--finding', 'disk full, justified')).toContain('is closed');
    expect(await cli('carol', 'reviews', 'close', id, '--finding', 'twice')).toContain('is closed already');
    expect(await cli('carol', 'reviews', 'list')).not.toContain(id);
    expect(await cli('carol', 'reviews', 'list', '--all')).toContain(id);
    expect(await cli('carol', 'reviews', 'show', id)).toMatch(/finding +disk full, justified/);
    expect(stack.seen().filter(call => call.path === paths.containerRun)).toHaveLength(1);
  });

  test('is not open to who lacks the right, and a plain reason asks as ever', async () => {
    await stack.addPolicy('p, user:bob@example.com, *, *, approvals.emergency, *, deny');
    try {
      const session = new DebugSession(stack.as('bob'), debugSpec(image));
      await session.shows('reason> ');
      session.type('emergency: node on fire\r');
      await session.shows('you may not start alone in an emergency; or give a plain reason');
      session.type('kubelet is stuck\r');
      const id = await session.requestId();
      expect(await vote(stack.api('carol'), id, 'deny', 'no')).toBe('denied');
      await session.ends();
    } finally {
      await stack.resetPolicy();
    }
  });
});

describe('an emergency asked for beforehand', () => {
  const ask = (who: Person, ...more: string[]): Promise<string> =>
    cli(who, 'request', 'node.reboot', '-n', worker2, '--reason', 'rack on fire', '--emergency', ...more);

  test('needs the right, and the name of the node typed again', async () => {
    expect(await ask('alice', '--confirm', worker2)).toContain('you may not start alone');
    expect(await ask('bob')).toContain(`confirm it with the name of the node: ${worker2}`);
    expect(await ask('bob', '--confirm', worker)).toContain('confirm it with');
    expect((await watch.records()).filter(({ kind }) => kind.startsWith('approval.'))).toEqual([]);
  });

  test('replaces the request that nobody answered, and is used by the call', async () => {
    const asked = await cli('bob', 'request', 'node.reboot', '-n', worker2, '--reason', 'please');
    const waiting = /^(rbt-\S+) is pending/.exec(asked)?.[1] ?? asked;
    const granted = await ask('bob', '--confirm', worker2);
    const id = /^(rbt-\S+) is approved/.exec(granted)?.[1] ?? granted;
    expect(granted).toContain(`a review of ${id} is open until somebody else closes it`);
    expect(await state(waiting)).toBe('cancelled');
    stack.nodes.worker2.control.failNext('/machine.MachineService/Reboot', { code: 'ABORTED', message: 'once' });
    expect((await reboot(stack.as('bob'), { node: worker2 })).code).toBe(10);
    await until(async () => (await state(id)) === 'ended');
    expect(await cli('carol', 'reviews', 'close', id, '--finding', 'ok')).toContain('is closed');
  });
});
