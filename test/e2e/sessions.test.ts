// "Whatever the caller or the node of a shell has seen is in its recording" (approvals.md 6).
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { callApi } from '../../src/cli/client.ts';
import { openRecording as openStream, type RecordingItem } from '../../src/cli/recording-stream.ts';
import type { AuditRecord } from '../../src/core/audit-record.ts';
import { openSession } from '../../src/db/connection.ts';
import type { AuditWatch } from '../support/audit-watch.ts';
import { type CliResult, cli as runCli } from '../support/cli.ts';
import { DebugSession, type DebugSpec, debugSpec, pullImage } from '../support/debug-session.ts';
import { vote } from '../support/http.ts';
import { beginsWith, type OpenedRecording, openRecording } from '../support/recordings.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

let stack: Stack;
let watch: AuditWatch;
let image: string;
const sessions: DebugSession[] = [];
beforeAll(async () => {
  stack = await startStack({
    wire: true,
    config: raw => {
      raw['approvals'] = { max_open: 100 };
      raw['sessions'] = { key: { file: 'secrets/session-key' }, input: 'echoed' };
    },
  });
  watch = await stack.watch();
  image = await pullImage(stack.as('bob'));
});
afterAll(() => stack.close());
beforeEach(() => watch.moveOn());
afterEach(() => {
  for (const session of sessions.splice(0)) session.leave();
});

let last = 0;
/** A session that carol has agreed to. */
async function approved(more: Partial<DebugSpec> = {}): Promise<DebugSession> {
  const session = new DebugSession(stack.as('bob'), debugSpec(image, { env: { TEST: String((last += 1)) }, ...more }));
  sessions.push(session);
  session.resize(97, 31);
  const id = await session.raise();
  expect(await vote(stack.api('carol'), id)).toBe('approved');
  await session.shows('this session is recorded');
  await session.shows('# ');
  return session;
}

async function records(kind: string): Promise<AuditRecord[]> {
  return (await watch.records()).filter(record => record.kind === kind);
}

async function ended(): Promise<AuditRecord> {
  await until(async () => (await records('session.ended')).length === 1);
  const [record] = await records('session.ended');
  if (record === undefined) throw new Error('no end');
  return record;
}

function opened(id: string): Promise<OpenedRecording> {
  return openRecording({ url: stack.database.readerUrl }, stack.config.sessions.key ?? '', id);
}

/** What of the screen came from the node. */
function fromNode(session: DebugSession): string {
  return session.text.slice(session.text.indexOf('recorded\r\n') + 'recorded\r\n'.length);
}

describe('a recorded session', () => {
  test('is in the log from its start to its end, chunk by chunk, under its approval', async () => {
    const session = await approved();
    session.type('id\r');
    await session.shows('uid=0(root)');
    session.resize(101, 33);
    session.type('exit 3\r');
    expect(await session.exits()).toBe(3);
    session.leave();
    const end = await ended();
    const [start] = await records('session.started');
    const chunks = await records('session.chunk');
    const [claimed] = await records('approval.claimed');
    for (const record of [start, ...chunks, end]) {
      expect(record?.callId).toBe(claimed?.callId);
      expect(record?.approvalId).toBe(claimed?.approvalId);
    }
    expect(end.details).toMatchObject({
      exitCode: '3',
      cause: 'server',
      chunks: String(chunks.length),
      inputBytes: '10',
    });
    expect(chunks.map(record => record.details?.['seq'])).toEqual(chunks.map((_chunk, index) => String(index)));
    const recording = await opened(end.callId ?? '');
    expect(start?.details?.['keys']).toBe(recording.view.keysDigest);
    expect(recording.output.toString()).toBe(fromNode(session));
    expect(recording.typed).toBe(10);
    expect(
      recording.events.flatMap(event => (event.kind === 'resize' ? [`${event.width}x${event.height}`] : [])),
    ).toEqual(['97x31', '101x33']);
    expect(recording.events.flatMap(event => (event.kind === 'echoed' ? [event.data.toString()] : []))).toContain(
      'id\r',
    );
    expect(recording.events.at(-1)).toMatchObject({ kind: 'exit', code: 3 });
    expect(recording.view).toMatchObject({ state: 'ended', exitCode: 3, principal: 'bob@example.com' });
  });

  test('nothing of it can be read in the database', async () => {
    const session = await approved();
    session.type('echo sesame-open\r');
    await session.shows('sesame-open\r\n');
    session.leave();
    const end = await ended();
    const admin = await openSession({ url: stack.database.adminUrl });
    const rows = await admin.query<{ ciphertext: Buffer }>(
      'SELECT ciphertext FROM talosgate.session_chunk WHERE session_id = $1',
      [end.callId],
    );
    await admin.close();
    expect(rows.length).toBeGreaterThan(2);
    expect(Buffer.concat(rows.map(row => row.ciphertext)).includes('sesame')).toBe(false);
    expect(JSON.stringify(await watch.records())).not.toContain('sesame-open');
    expect((await opened(end.callId ?? '')).output.toString()).toContain('sesame-open');
  });

  test.each([
    ['changed', `UPDATE talosgate.session_chunk SET ciphertext = set_byte(ciphertext, 3, get_byte(ciphertext, 3) # 1)`],
    ['missing', 'DELETE FROM talosgate.session_chunk'],
  ])('a chunk that is %s is named', async (what, sql) => {
    const session = await approved();
    session.type('id\r');
    await session.shows('uid=0(root)');
    session.leave();
    const id = (await ended()).callId ?? '';
    const admin = await openSession({ url: stack.database.adminUrl });
    await admin.query('ALTER TABLE talosgate.session_chunk DISABLE TRIGGER session_chunk_no_change');
    await admin.query(`${sql} WHERE session_id = '${id}' AND seq = 1`);
    await admin.close();
    await expect(opened(id)).rejects.toThrow(
      what === 'missing' ? /chunk 1 is missing/ : /chunk 1 is not what was recorded/,
    );
  });

  test('keeps all of a long output', async () => {
    const session = await approved();
    session.type('seq 300000\r');
    await session.shows('\r\n300000\r\n');
    session.type('exit 0\r');
    expect(await session.exits()).toBe(0);
    session.leave();
    const { output } = await opened((await ended()).callId ?? '');
    expect(output.equals(Buffer.from(fromNode(session)))).toBe(true);
  });

  test('shows nothing that it could not record, and goes on after a short outage', async () => {
    const session = await approved();
    stack.wire.cut();
    session.type('id\r');
    await new Promise(resolve => setTimeout(resolve, 1_000));
    expect(fromNode(session)).not.toContain('uid=0');
    expect(stack.nodes.worker.control.calls().at(-1)?.requests.length).toBeGreaterThan(0);
    stack.wire.mend();
    await session.shows('uid=0(root)');
    session.type('exit 0\r');
    expect(await session.exits()).toBe(0);
    session.leave();
    const { output } = await opened((await ended()).callId ?? '');
    expect(output.toString()).toBe(fromNode(session));
  });

  test('ends within ten seconds when it cannot be recorded any more, with a last line and an exit code', async () => {
    const session = await approved();
    session.type('sleep 1\r');
    await session.shows('sleep 1\r\n');
    const cut = performance.now();
    stack.wire.cut();
    await until(
      () => session.exitCode !== undefined,
      () => session.text.slice(-300),
      15_000,
    );
    expect(session.exitCode).toBe(1);
    expect(performance.now() - cut).toBeLessThan(12_000);
    expect(session.text.slice(-300)).toMatch(
      /talosgate: .*(cannot be recorded|cannot be reached), so .*ended; run the same again later\r\n$/,
    );
    const shown = fromNode(session);
    stack.wire.mend();
    const end = await ended();
    expect(end.details).toMatchObject({ cause: 'audit' });
    const { output } = await opened(end.callId ?? '');
    const ofNode = shown.slice(0, shown.lastIndexOf('talosgate: '));
    expect(beginsWith(output, ofNode)).toBe(true);
  });
});

describe('a second person', () => {
  const cli = (who: 'alice' | 'bob' | 'carol', ...words: string[]): Promise<CliResult> =>
    runCli(['sessions', ...words], {
      env: { TALOSGATE_CLIENT: join(stack.directory, `${who}-here.yaml`) },
    });
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'talosgate-sessions-'));
    for (const who of ['alice', 'bob', 'carol'] as const) {
      const { server, ca, certificate, key } = stack.api(who);
      await writeFile(join(stack.directory, `${who}-here.yaml`), JSON.stringify({ server, ca, certificate, key }));
    }
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('lists, reads, searches and exports what was recorded, and each look is in the log', async () => {
    const session = await approved();
    session.type('echo sesame\r');
    await session.shows('sesame\r\n');
    session.type('exit 4\r');
    expect(await session.exits()).toBe(4);
    session.leave();
    const id = (await ended()).callId ?? '';
    await until(async () => (await opened(id)).view.state === 'ended');
    const listed = await cli('carol', 'list', '--user', 'bob@example.com', '--limit', '1', '-o', 'json');
    expect(JSON.parse(listed.out)).toMatchObject({
      id,
      state: 'ended',
      cause: 'server',
      exitCode: 4,
      holders: ['deployment'],
    });
    expect((await cli('carol', 'show', id)).out).toMatch(/user\s+bob@example.com/);
    expect((await cli('carol', 'play', '--text', id)).out).toContain('\nsesame\n');
    expect((await cli('carol', 'search', 'SESAME', '--session', id)).out).toMatch(
      new RegExp(`^${id}  00:00:.*sesame\n`),
    );
    const file = join(folder, 'cast');
    expect(await cli('carol', 'export', id, '--file', file)).toMatchObject({ code: 0 });
    const [header, ...events] = (await readFile(file, 'utf8'))
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as unknown);
    expect(header).toMatchObject({ version: 2, width: 97, height: 31 });
    const cast = events as [number, string, string][];
    expect(cast.map(([, code, data]) => (code === 'o' ? data : '')).join('')).toBe(fromNode(session));
    expect(cast.filter(([, code]) => code === 'i').map(([, , data]) => data)).toContain('echo sesame\r');
    expect(cast.every(([at], index) => at >= (cast[index - 1]?.[0] ?? 0))).toBe(true);
    const looks = await records('session.replayed');
    expect(looks).toHaveLength(3);
    expect(looks[0]).toMatchObject({ callId: id, principal: 'carol@example.com', action: 'sessions.replay' });
    for (const words of [['list'], ['play', '--text', id], ['kill', id]]) {
      expect(await cli('alice', ...words)).toMatchObject({
        code: 1,
        error: expect.stringMatching(/may not sessions\./) as unknown,
      });
    }
  });

  test('looks on while it runs, and ends it with a last line for the user', async () => {
    const session = await approved();
    const [{ callId: id = '' } = {}] = await records('session.started');
    const left = new AbortController();
    const seen: RecordingItem[] = [];
    const watching = (async () => {
      const how = { watch: true, auditorKey: undefined, signal: left.signal };
      for await (const item of openStream(stack.api('carol'), id, how)) seen.push(item);
    })();
    const text = (): string =>
      seen
        .map(item => (item.kind === 'event' && item.event.kind === 'output' ? item.event.data.toString() : ''))
        .join('');
    await until(() => text().includes('# '));
    const typed = performance.now();
    session.type('id\r');
    await until(() => text().includes('uid=0'));
    expect(performance.now() - typed).toBeLessThan(4_000);
    const killed = performance.now();
    await callApi(stack.api('carol'), 'POST', `/api/v1/sessions/${id}/kill`, { reason: 'enough for today' });
    expect(await session.exits()).toBe(1);
    expect(performance.now() - killed).toBeLessThan(4_000);
    expect(session.text).toMatch(/talosgate: this session is ended by carol@example.com: "enough for today"\r\n/);
    expect(session.text).toMatch(
      /talosgate: the debug session was ended by somebody else; run the same again to ask anew\r\n$/,
    );
    await watching;
    expect(seen.at(-1)).toMatchObject({ kind: 'end', as: 'ended' });
    expect((await ended()).details).toMatchObject({ cause: 'gateway' });
    const watched = await records('session.watched');
    const [kill] = await records('session.killed');
    expect(watched[0]).toMatchObject({ callId: id, principal: 'carol@example.com' });
    expect(kill).toMatchObject({ callId: id, principal: 'carol@example.com', details: { reason: 'enough for today' } });
    await until(async () => (await opened(id)).view.killedBy === 'carol@example.com');
    await expect(callApi(stack.api('carol'), 'POST', `/api/v1/sessions/${id}/kill`, { reason: '' })).rejects.toThrow(
      /over already/,
    );
  });
});
