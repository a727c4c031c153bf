// A gateway process that dies after a grant is claimed and before the node is sent anything.
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { endLostGrant } from '../../src/approvals/lost.ts';
import { openAuditLog } from '../../src/audit/log.ts';
import { startReaper } from '../../src/audit/reaper.ts';
import { openSession } from '../../src/db/connection.ts';
import { createPool } from '../../src/db/pool.ts';
import { storeOn } from '../integration/approvals/support.ts';
import { startCli } from '../support/cli.ts';
import { DebugSession, debugSpec, pullImage } from '../support/debug-session.ts';
import { clientOf, portOf } from '../support/gateway-kills.ts';
import { runs } from '../support/grant-bars.ts';
import { vote } from '../support/http.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({
    config: raw => {
      raw['log'] = { level: 'info' };
    },
  });
});
afterAll(() => stack.close());

// The claim is durable; the session's row, which is written next and before anything goes to the node, has to wait.
const atTheLock = `SELECT FROM pg_stat_activity
  WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%session_begin%'`;

test('burns the grant: another gateway calls it lost and asks for a new one', { timeout: 120_000 }, async () => {
  const image = await pullImage(stack.as('bob'));
  const run = startCli(['serve', '--config', join(stack.directory, 'talosgate.yaml')]);
  const client = clientOf(stack, 'bob', await portOf(run));
  const admin = createPool({ url: stack.database.adminUrl, max: 1 });
  const blocker = await openSession({ url: stack.database.adminUrl, queryTimeoutMs: 60_000 });
  const stateOf = async (id: string): Promise<string | undefined> =>
    (await admin.query<{ state: string }>('SELECT state FROM talosgate.approval WHERE id = $1', [id]))[0]?.state;
  try {
    stack.clearCalls();
    const session = new DebugSession(client, debugSpec(image));
    const id = await session.raise();
    await blocker.query('BEGIN');
    await blocker.query('LOCK TABLE talosgate.session IN SHARE ROW EXCLUSIVE MODE');
    expect(await vote(stack.api('carol'), id)).toBe('approved');
    await until(
      async () => (await admin.query(atTheLock)).length > 0,
      () => session.text,
      30_000,
    );
    run.process.kill('SIGKILL');
    await once(run.process, 'exit');
    await session.ends();
    expect(await stateOf(id)).toBe('claimed');
    expect(runs(stack)).toBe(0);
    await blocker.query('ROLLBACK');

    const writer = createPool({ url: stack.database.writerUrl, max: 2 });
    const audit = await openAuditLog({ connection: { url: stack.database.writerUrl }, replica: 'reaper' });
    const store = storeOn(writer);
    const log = { warn: () => undefined };
    const onUnknown = endLostGrant(store);
    const reaper = startReaper({ pool: writer, audit, log, silenceMs: 6_000, everyMs: 200, onUnknown });
    await until(
      async () => (await stateOf(id)) === 'lost',
      async () => String(await stateOf(id)),
      60_000,
    );
    await reaper.close();
    await store.close();
    await audit.close();
    await writer.close();

    const again = new DebugSession(stack.as('bob'), debugSpec(image));
    const other = await again.raise();
    expect(other).not.toBe(id);
    expect(runs(stack)).toBe(0);
    again.type('\u0003');
    await again.exits();
    again.leave();
  } finally {
    run.process.kill('SIGKILL');
    client.close();
    await blocker.close();
    await admin.close();
  }
});
