import { expect, test } from 'vitest';
import { toOtlpRequest } from '../../../src/export/formats/otlp.ts';
import { intent, lineOf, outcome } from '../../support/lines.ts';

interface LogRecord {
  readonly timeUnixNano: string;
  readonly body: { readonly stringValue: string };
  readonly attributes: readonly { readonly key: string; readonly value: object }[];
}
interface Request {
  readonly resourceLogs: readonly {
    readonly resource: object;
    readonly scopeLogs: readonly { readonly logRecords: readonly LogRecord[] }[];
  }[];
}

test('toOtlpRequest has the shape of ExportLogsServiceRequest in JSON: camelCase, 64-bit numbers as text', () => {
  const lines = [lineOf(intent, 7), lineOf(outcome, 8)];
  const request = JSON.parse(toOtlpRequest(lines, { version: '1.2.3', host: 'gate-1' })) as Request;
  const records = request.resourceLogs[0]?.scopeLogs[0]?.logRecords ?? [];
  expect(request.resourceLogs[0]?.resource).toEqual({
    attributes: [
      { key: 'service.name', value: { stringValue: 'talosgate' } },
      { key: 'service.version', value: { stringValue: '1.2.3' } },
      { key: 'host.name', value: { stringValue: 'gate-1' } },
    ],
  });
  expect(records).toHaveLength(2);
  expect(records[0]).toMatchObject({
    timeUnixNano: `${Date.parse('2026-01-31T12:00:00.130Z')}000000`,
    observedTimeUnixNano: `${Date.parse('2026-01-31T12:00:00.134Z')}000000`,
    severityNumber: 9,
    severityText: 'INFO',
    eventName: 'talosgate.call.intent',
    body: { stringValue: lines[0]?.body },
  });
  expect(records[1]?.attributes).toEqual(
    expect.arrayContaining([
      { key: 'talosgate.idx', value: { intValue: '8' } },
      { key: 'talosgate.leaf', value: { stringValue: lines[1]?.leaf } },
      { key: 'user.id', value: { stringValue: 'alice@example.com' } },
      { key: 'rpc.grpc.status_code', value: { intValue: '7' } },
    ]),
  );
  for (const { attributes } of records) {
    expect(new Set(attributes.map(({ key }) => key)).size).toBe(attributes.length);
  }
});
