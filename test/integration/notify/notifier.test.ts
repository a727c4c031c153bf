// The queue in Postgres and those who work it off: nothing is lost, whatever fails.
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { AuditRecord } from '../../../src/core/audit-record.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { openSession, type Session } from '../../../src/db/connection.ts';
import { createPool, type Pool } from '../../../src/db/pool.ts';
import type { Attempt, Channel } from '../../../src/notify/channel.ts';
import type { Message } from '../../../src/notify/message.ts';
import { type Notifier, type NotifierOptions, startNotifier } from '../../../src/notify/notifier.ts';
import { createNotifyStore } from '../../../src/notify/store.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { until } from '../../support/until.ts';

let database: TestDatabase;
let admin: Session;
let pool: Pool;
const running: Notifier[] = [];
const records: AuditRecord[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  admin = await openSession({ url: database.adminUrl });
  pool = createPool({ url: database.writerUrl });
});
afterEach(async () => {
  for (const one of running.splice(0)) await one.close();
  records.length = 0;
});
afterAll(async () => {
  await pool.close();
  await admin.close();
  await database.drop();
});

/** Keeps what it is told, and answers as it is asked to. */
class Told implements Channel {
  readonly messages: Message[] = [];
  answer: (message: Message) => Attempt | Promise<Attempt> = () => ({ outcome: 'delivered', message: 'ok' });
  readonly name: string;
  readonly events: string[];
  readonly escalateAfterMs: number | undefined;
  constructor(name: string, events = ['requested', 'denied'], escalateAfterMs?: number) {
    this.name = name;
    this.events = events;
    this.escalateAfterMs = escalateAfterMs;
  }
  tell(message: Message): Promise<Attempt> {
    this.messages.push(message);
    return Promise.resolve(this.answer(message));
  }
  about(id: string): string[] {
    return this.messages.filter(one => one.approval.id === id).map(one => one.kind);
  }
}

function start(channels: Channel[], more: Partial<NotifierOptions> = {}): Notifier {
  const notifier = startNotifier({
    channels,
    store: createNotifyStore(pool),
    clock: systemClock,
    record: record => {
      records.push(record);
      return Promise.resolve();
    },
    baseUrl: 'https://gate.example.com/',
    giveUpMs: 3_600_000,
    report: () => undefined,
    pollMs: 50,
    backOffMs: 100,
    ...more,
  });
  running.push(notifier);
  return notifier;
}

const registered = async (name: string): Promise<void> =>
  until(async () => {
    const rows = await admin.query('SELECT FROM talosgate.notify_channel WHERE name = $1 AND active', [name]);
    return rows.length === 1;
  });

async function raise(): Promise<string> {
  const id = `dbg-${[...randomBytes(5)].map(byte => 'abcdefghjkmnpqrstuvwxyz23456789'[byte % 31]).join('')}`;
  const digest = randomBytes(32).toString('hex');
  await admin.query(
    `INSERT INTO talosgate.approval (id, binding, request_digest, requester, cluster, node, method, action, resource,
       summary, reason, needs, denials, state, created_at, expires_at, claim_window)
     VALUES ($1, $2, $2, 'bob@example.com', 'prod', 'worker-1', '/machine.DebugService/ContainerRun', 'debug.run', 'debug/x',
       '{"env":"CANARY"}', 'fix it', '[{"group": null, "count": 1}]', 1, 'pending', now(), now() + interval '1 hour',
       interval '30 minutes')`,
    [id, digest],
  );
  return id;
}
const end = (id: string): Promise<unknown> =>
  admin.query(
    `UPDATE talosgate.approval SET state = 'cancelled', ended_at = now(), end_reason = 'not needed' WHERE id = $1`,
    [id],
  );

test('tells each channel what it chose, once, with a link and nothing of the request, and records it', async () => {
  const [first, second] = [new Told('first'), new Told('second', ['lapsed'])];
  start([first, second]);
  start([first, second]);
  await Promise.all([registered('first'), registered('second')]);
  const ids = [await raise(), await raise(), await raise()];
  await until(() => ids.every(id => first.about(id).length > 0));
  await end(ids[0] ?? '');
  await until(() => second.messages.length > 0 && records.length === 4);
  expect(first.messages.map(one => one.kind)).toEqual(['requested', 'requested', 'requested']);
  expect(second.messages).toMatchObject([{ kind: 'lapsed', words: 'not needed', approval: { id: ids[0] } }]);
  const [message] = first.messages;
  expect(message).toMatchObject({ approval: { requester: 'bob@example.com', reason: 'fix it', state: 'pending' } });
  expect(message?.link).toBe(`https://gate.example.com/approvals/${message?.approval.id ?? ''}`);
  expect(JSON.stringify(first.messages)).not.toContain('CANARY');
  expect(records.filter(one => one.kind !== 'notification.delivered')).toEqual([]);
  expect(records[0]).toMatchObject({ details: { channel: 'first', event: 'requested', attempts: '1', outcome: 'ok' } });
});

test('tries again after a failure, with the same id, also from another process', async () => {
  const channel = new Told('first');
  channel.answer = () => ({ outcome: 'failed', message: 'HTTP 503', retryAfterMs: undefined });
  const notifier = start([channel]);
  await registered('first');
  const id = await raise();
  await until(() => channel.about(id).length >= 3);
  await notifier.close();
  expect(records).toEqual([]);
  channel.answer = () => ({ outcome: 'delivered', message: 'HTTP 200' });
  start([channel]);
  await until(() => records.length === 1);
  expect(new Set(channel.messages.filter(one => one.approval.id === id).map(one => one.id)).size).toBe(1);
  const attempts = channel.about(id).length;
  expect(records).toMatchObject([
    { kind: 'notification.delivered', approvalId: id, details: { attempts: String(attempts), outcome: 'HTTP 200' } },
  ]);
});

test('gives up what is refused, and what was tried for too long, and says so in the log', async () => {
  const [refusing, failing] = [new Told('refusing'), new Told('failing')];
  refusing.answer = () => ({ outcome: 'refused', message: 'HTTP 410' });
  failing.answer = () => ({ outcome: 'failed', message: 'HTTP 500', retryAfterMs: undefined });
  start([refusing, failing], { giveUpMs: 250 });
  await Promise.all([registered('refusing'), registered('failing')]);
  const id = await raise();
  await until(() => records.length === 2);
  expect(refusing.about(id)).toHaveLength(1);
  expect(failing.about(id).length).toBeGreaterThan(1);
  expect(records.map(one => one.kind)).toEqual(['notification.failed', 'notification.failed']);
  expect(records.map(one => one.details?.['outcome']).toSorted()).toEqual(['HTTP 410', 'HTTP 500']);
});

test('escalates a request that nobody decides, and not one that is over', async () => {
  const second = new Told('second', ['requested'], 700);
  start([second]);
  await registered('second');
  const [open, over] = [await raise(), await raise()];
  await end(over);
  await until(() => second.messages.length > 0);
  expect(second.about(open)).toEqual(['escalation']);
  await until(async () => {
    const rows = await admin.query<{ state: string }>(
      `SELECT d.state FROM talosgate.notify_delivery AS d JOIN talosgate.approval_event AS e ON e.id = d.event_id
       WHERE e.approval_id = $1 AND d.channel = 'second'`,
      [over],
    );
    return rows.every(row => row.state === 'pointless');
  });
  expect(second.about(over)).toEqual([]);
});

test('does not tell twice what could not be settled because its record failed, before the lease is over', async () => {
  const channel = new Told('first');
  let broken = true;
  start([channel], {
    record: record => {
      if (broken) return Promise.reject(new Error('the log is away'));
      records.push(record);
      return Promise.resolve();
    },
  });
  await registered('first');
  const id = await raise();
  await until(() => channel.about(id).length === 1);
  broken = false;
  const other = await raise();
  await until(() => records.length === 1);
  expect(records).toMatchObject([{ approvalId: other }]);
  expect(channel.about(id)).toHaveLength(1);
});
