// Syslog over TLS, to a receiver of our own that does what it is told, and to a real rsyslogd where there is one.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestPki, type TestPki } from '../../support/pki.ts';
import { createRsyslog, haveRsyslog } from '../../support/rsyslog.ts';
import { until } from '../../support/until.ts';
import { type ExportBench, openExportBench, Received, range } from './support.ts';

let bench: ExportBench;
let pki: TestPki;
let folder: string;
beforeAll(async () => {
  bench = await openExportBench();
  pki = await createTestPki('p256');
  folder = await mkdtemp(join(tmpdir(), 'talosgate-syslog-'));
  const client = await pki.issue({ commonName: 'gate', usages: ['client'] });
  await writeFile(join(folder, 'ca.crt'), pki.ca);
  await writeFile(join(folder, 'tls.crt'), client.certificate);
  await writeFile(join(folder, 'tls.key'), client.key);
});
afterAll(async () => {
  await bench.close();
  await rm(folder, { recursive: true, force: true });
});

const sink = (name: string, port: number, over: object = {}) => ({
  name,
  timeout: 3_000,
  syslog: {
    address: `127.0.0.1:${port}`,
    ca: join(folder, 'ca.crt'),
    certificate: join(folder, 'tls.crt'),
    key: join(folder, 'tls.key'),
    structured_data_id: 'talosgate@32473',
    max_message: 8192,
    ...over,
  },
});

/** RFC 5425 section 4.3: MSG-LEN SP SYSLOG-MSG, one after the other; what is not complete is left. */
function unframe(bytes: Buffer): string[] {
  const messages: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const head = bytes.toString('ascii', at, space);
    const end = space + 1 + Number(head);
    if (space === -1 || end > bytes.length) break;
    expect(head).toMatch(/^[1-9]\d*$/);
    messages.push(bytes.toString('utf8', space + 1, end));
    at = end;
  }
  return messages;
}

const indexOf = (message: string): number => Number(/ idx="(\d+)"/.exec(message)?.[1]);

async function listen(onConnection: (socket: TLSSocket) => void): Promise<{ server: Server; port: number }> {
  const leaf = await pki.issue({ commonName: 'logs', ips: ['127.0.0.1'], usages: ['server'] });
  const tls = { cert: leaf.certificate, key: leaf.key, ca: pki.ca, requestCert: true, rejectUnauthorized: true };
  const server = createServer(tls, socket => {
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

describe('syslog over TLS', () => {
  test('counts a batch only once the receiver has read all of it', async () => {
    const received = new Received();
    let connections = 0;
    const { server, port } = await listen(socket => {
      const mood = ['whole', 'dies at once', 'dies after the first bytes', 'whole'][connections++ % 4];
      if (mood === 'dies at once') return void socket.destroy();
      const chunks: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        if (mood !== 'whole') socket.destroy();
      });
      socket.on('end', () => {
        for (const message of unframe(Buffer.concat(chunks))) received.take(indexOf(message), message);
        socket.end();
      });
    });
    await bench.fill(1_500, 'z'.repeat(1_000));
    const exports = await bench.start([sink('tls', port)]);
    await bench.drained('tls');
    await exports.close();
    server.close();
    expect(received.indexes).toEqual(range(0, await bench.size()));
    expect(connections).toBeGreaterThan(3);
  });

  test('does not talk to a receiver whose certificate is not of its CA', async () => {
    const stranger = await createTestPki('p256');
    const { server, port } = await listen(socket => socket.resume());
    await writeFile(join(folder, 'other.crt'), stranger.ca);
    const exports = await bench.start([sink('strict', port, { ca: join(folder, 'other.crt') })]);
    await until(async () => (await bench.status('strict').catch(() => undefined))?.state === 'failing');
    expect(await bench.status('strict')).toMatchObject({ next: 0 });
    expect((await bench.status('strict')).error).toMatch(/certificate|self-signed|issuer/i);
    await exports.close();
    server.close();
  });

  test.skipIf(!haveRsyslog())(
    'a real rsyslogd that is killed in the middle gets everything',
    { timeout: 60_000 },
    async () => {
      const rsyslog = await createRsyslog(pki);
      try {
        await rsyslog.start();
        const exports = await bench.start([sink('rsyslog', rsyslog.port)]);
        await bench.drained('rsyslog');
        await bench.fill(1_000, 'k'.repeat(900));
        await rsyslog.kill();
        await bench.fill(1_000, 'm'.repeat(900));
        await rsyslog.start();
        await bench.drained('rsyslog');
        await exports.close();
        await rsyslog.stop();
        const received = new Received();
        for (const message of await rsyslog.messages()) {
          const raw = /<\d+>1 .*/s.exec(message)?.[0] ?? '';
          // The kill may leave half a line.
          if (raw.endsWith('}')) received.take(indexOf(raw), raw);
        }
        expect(received.indexes).toEqual(range(0, await bench.size()));
      } finally {
        await rsyslog.close();
      }
    },
  );
});
