// Exports to a receiver over HTTP: whatever it does, nothing is missing, and what comes twice has the same index.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openSession } from '../../../src/db/connection.ts';
import { until } from '../../support/until.ts';
import { type ExportBench, openExportBench, Received, range } from './support.ts';

const secret = 'a secret of more than thirty-two characters';
let bench: ExportBench;
let server: Server;
let url: string;
let behave: (request: IncomingMessage, body: string, response: ServerResponse) => void;
beforeAll(async () => {
  bench = await openExportBench();
  server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => behave(request, body, response));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/in`;
});
afterAll(async () => {
  await bench.close();
  server.closeAllConnections();
  server.close();
});

const sink = (name: string) => ({ name, webhook: { url, secret } });

/** Checks a batch as a receiver should; gives its records by index. */
function verified(request: IncomingMessage, body: string): { idx: number; text: string }[] {
  const timestamp = String(request.headers['talosgate-timestamp']);
  const wanted = `v1=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`;
  const given = String(request.headers['talosgate-signature']);
  if (!timingSafeEqual(Buffer.from(wanted), Buffer.from(given))) throw new Error('wrong signature');
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > 300) throw new Error('too old');
  const { records } = JSON.parse(body) as { records: { idx: number }[] };
  return records.map(record => ({ idx: record.idx, text: JSON.stringify(record) }));
}

describe('a webhook', () => {
  test('that fails in every way loses nothing; what comes twice has the same index', async () => {
    const received = new Received();
    const moods = ['ok', '503', 'lost answer', 'reset', '401', 'hang', 'ok', 'redirect', '429'];
    let calls = 0;
    behave = (request, body, response) => {
      const mood = moods[calls++ % moods.length];
      if (mood === 'reset') return void request.socket.destroy();
      if (mood === 'hang') return;
      if (mood === '503' || mood === '401') return void response.writeHead(Number(mood)).end();
      if (mood === 'redirect') return void response.writeHead(307, { location: url }).end();
      if (mood === '429') return void response.writeHead(429, { 'retry-after': '0' }).end();
      for (const { idx, text } of verified(request, body)) received.take(idx, text);
      if (mood === 'lost answer') return void request.socket.destroy();
      response.writeHead(204).end();
    };
    await bench.fill(1_200, 'y'.repeat(900));
    const exports = await bench.start([sink('moody')]);
    await bench.drained('moody');
    await exports.close();
    expect(received.indexes).toEqual(range(0, await bench.size()));
    expect(received.deliveries).toBeGreaterThan(received.byIndex.size);
    expect(await bench.status('moody')).toMatchObject({ state: 'running', lag: 0, error: '' });
  });

  test('that refuses one record stops there: nothing is skipped until somebody says so', async () => {
    const received = new Received();
    const first = await bench.size();
    const poison = first + 137;
    behave = (request, body, response) => {
      const records = verified(request, body);
      if (records.some(({ idx }) => idx === poison)) return void response.writeHead(400).end();
      for (const { idx, text } of records) received.take(idx, text);
      response.writeHead(200).end();
    };
    await bench.fill(300);
    const exports = await bench.start([{ ...sink('picky'), from: String(first) }]);
    const stopped = async () => (await bench.status('picky').catch(() => undefined))?.state === 'stopped';
    await until(stopped);
    expect(received.indexes).toEqual(range(first, poison));
    expect(await bench.status('picky')).toMatchObject({
      next: poison,
      lag: 300 - 137,
      error: `record ${poison} is refused: the receiver answered 400`,
    });

    expect(await exports.resume('picky', undefined)).toBe(true);
    await until(stopped);
    expect(await exports.resume('picky', poison + 1)).toBe(false);
    expect(received.indexes).toEqual(range(first, poison));

    expect(await exports.resume('picky', poison)).toBe(true);
    await bench.drained('picky');
    await exports.close();
    expect(received.indexes).toEqual(range(first, first + 300).filter(index => index !== poison));
  });

  test('gets its records from one replica at a time; another takes over when that one is gone', async () => {
    const received = new Received();
    const by = new Map<string, number>();
    behave = (request, body, response) => {
      for (const { idx, text } of verified(request, body)) received.take(idx, text);
      const port = String(request.socket.remotePort);
      by.set(port, (by.get(port) ?? 0) + 1);
      setTimeout(() => response.writeHead(200).end(), 5);
    };
    const first = await bench.size();
    const one = await bench.start([{ ...sink('shared'), from: 'now' }], 'replica-1');
    await until(async () => (await bench.status('shared').catch(() => undefined))?.replica === 'replica-1');
    const two = await bench.start([{ ...sink('shared'), from: 'now' }], 'replica-2');
    await bench.fill(200);
    await bench.drained('shared');
    expect(received.deliveries).toBe(200);
    expect((await bench.status('shared')).replica).toBe('replica-1');

    // As when the host of the first replica is gone: its connection ends, its lock with it.
    const admin = await openSession({ url: bench.database.adminUrl });
    await until(async () => {
      await admin.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
         AND application_name = 'talosgate export shared'
         AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')`,
      );
      return (await bench.status('shared')).replica === 'replica-2';
    });
    await admin.close();
    await bench.fill(200);
    await bench.drained('shared');
    await one.close();
    await bench.fill(10);
    await bench.drained('shared');
    await two.close();
    expect(received.indexes).toEqual(range(first, first + 410));
  });

  test('that is dead keeps its place, and can be forgotten when no configuration names it', async () => {
    behave = request => request.socket.destroy();
    const exports = await bench.start([{ ...sink('dead'), from: 'now' }]);
    await until(async () => (await bench.status('dead').catch(() => undefined))?.state === 'running');
    const { next } = await bench.status('dead');
    await bench.fill(5);
    await until(async () => (await bench.status('dead')).state === 'failing');
    expect(await bench.status('dead')).toMatchObject({ next, lag: 5 });
    expect((await bench.status('dead')).waitingSince).toBeGreaterThan(Date.now() - 60_000);
    expect(await exports.forget('dead')).toBe(false);
    await exports.close();
    expect(await exports.forget('dead')).toBe(true);
    await expect(bench.status('dead')).rejects.toThrow('no sink dead');
  });
});
