import { appendFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { leafOf } from '../../support/lines.ts';
import { until } from '../../support/until.ts';
import { type ExportBench, openExportBench, Received, range } from './support.ts';

let bench: ExportBench;
let folder: string;
beforeAll(async () => {
  bench = await openExportBench();
  folder = await mkdtemp(join(tmpdir(), 'talosgate-sinks-'));
  await bench.fill(700);
});
afterAll(async () => {
  await bench.close();
  await rm(folder, { recursive: true, force: true });
});

interface OtlpBody {
  readonly resourceLogs: readonly {
    readonly scopeLogs: readonly {
      readonly logRecords: readonly {
        readonly body: { readonly stringValue: string };
        readonly attributes: readonly { readonly key: string; readonly value: { readonly intValue?: string } }[];
      }[];
    }[];
  }[];
}

test('OTLP: everything arrives, and a record that the collector rejects stops the sink in front of it', async () => {
  const received = new Received();
  const poison = 333;
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    request.on('end', () => {
      expect(request.headers).toMatchObject({ 'content-type': 'application/json', authorization: 'Bearer x' });
      const records = ((JSON.parse(text) as OtlpBody).resourceLogs[0]?.scopeLogs[0]?.logRecords ?? []).map(record => ({
        index: Number(record.attributes.find(({ key }) => key === 'talosgate.idx')?.value.intValue),
        body: record.body.stringValue,
      }));
      const isBad = records.some(({ index }) => index === poison);
      if (!isBad) for (const { index, body } of records) received.take(index, body);
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(isBad ? '{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"no"}}' : '{}');
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/logs`;
  const exports = await bench.start([{ name: 'otel', otlp: { url, authorization: 'Bearer x' } }]);
  await until(async () => (await bench.status('otel').catch(() => undefined))?.state === 'stopped');
  expect(received.indexes).toEqual(range(0, poison));
  expect((await bench.status('otel')).error).toContain('rejected 1 records');
  await exports.resume('otel', poison);
  await bench.drained('otel');
  await exports.close();
  server.close();
  expect(received.indexes).toEqual(range(0, await bench.size()).filter(index => index !== poison));
});

describe('a file', () => {
  test('holds every record as a line with its leaf, also behind a line that a crash left half', async () => {
    const settings = [{ name: 'disk', file: { path: join(folder, 'audit-%Y-%m-%d.jsonl') } }];
    const first = await bench.start(settings);
    await bench.drained('disk');
    await first.close();
    const [name = ''] = await readdir(folder);
    expect(name).toMatch(/^audit-\d{4}-\d\d-\d\d\.jsonl$/);
    await appendFile(join(folder, name), '{"idx":701,"le');
    await bench.fill(100);
    const second = await bench.start(settings);
    await bench.drained('disk');
    await second.close();
    const received = new Received();
    // Past midnight there are two files.
    for (const file of await readdir(folder)) {
      for (const line of (await readFile(join(folder, file), 'utf8')).split('\n')) {
        if (!line.endsWith('}')) continue;
        const { idx, leaf } = JSON.parse(line) as { idx: number; leaf: string };
        expect(leafOf(line.slice(line.indexOf('"body":') + 7, -1))).toBe(leaf);
        received.take(idx, line);
      }
    }
    expect(received.indexes).toEqual(range(0, await bench.size()));
  });

  test('in a folder that is not there keeps the sink failing, and its place', async () => {
    const exports = await bench.start([{ name: 'nowhere', file: { path: join(folder, 'no/such/folder') } }]);
    await until(async () => (await bench.status('nowhere').catch(() => undefined))?.state === 'failing');
    expect(await bench.status('nowhere')).toMatchObject({ next: 0 });
    await exports.close();
  });
});
