import type { AuditLine } from '../../core/audit-line.ts';
import type { FormatContext } from './context.ts';
import { type Fields, numberOf, readFields, textOf, timeOf } from './fields.ts';
import { type Importance, importanceOf } from './importance.ts';

/** Numbers and names of OpenTelemetry's log data model. */
const severities = {
  info: [9, 'INFO'],
  notice: [10, 'INFO2'],
  high: [13, 'WARN'],
  integrity: [17, 'ERROR'],
} as const satisfies Record<Importance, readonly [number, string]>;

/** Attributes that are text: name there (semantic conventions where there is one), member of the body. */
const textAttributes = [
  ['user.id', 'principal'],
  ['client.address', 'peerAddress'],
  ['user_agent.original', 'userAgent'],
  ['rpc.method', 'method'],
  ['talosgate.call', 'callId'],
  ['talosgate.action', 'action'],
  ['talosgate.risk', 'risk'],
  ['talosgate.resource', 'resource'],
  ['talosgate.cluster', 'cluster'],
  ['talosgate.node', 'node'],
  ['talosgate.decision', 'decision'],
  ['talosgate.reason', 'reason'],
  ['talosgate.rule', 'rule'],
  ['talosgate.approval', 'approvalId'],
  ['talosgate.end_cause', 'endCause'],
] as const;

const numberAttributes = [
  ['client.port', 'peerPort'],
  ['rpc.grpc.status_code', 'grpcCode'],
  ['talosgate.leg', 'leg'],
  ['talosgate.duration_us', 'durationUs'],
] as const;

/** A value in OTLP's JSON encoding: 64-bit integers stand as text. */
type Value = { readonly stringValue: string } | { readonly intValue: string };
interface Attribute {
  readonly key: string;
  readonly value: Value;
}

/** One request body for `POST /v1/logs` in OTLP's JSON encoding (opentelemetry-proto 1.x, logs service). */
export function toOtlpRequest(lines: readonly AuditLine[], { version, host }: FormatContext): string {
  return JSON.stringify({
    resourceLogs: [
      {
        resource: {
          attributes: [text('service.name', 'talosgate'), text('service.version', version), text('host.name', host)],
        },
        scopeLogs: [{ scope: { name: 'talosgate.audit' }, logRecords: lines.map(toLogRecord) }],
      },
    ],
  });
}

/** One record as an OTLP log record. Its body is the canonical body as text, byte for byte. */
function toLogRecord({ index, leaf, loggedAt, body }: AuditLine): object {
  const fields = readFields(body);
  const [severityNumber, severityText] = severities[importanceOf(fields)];
  return {
    timeUnixNano: nanos(timeOf(fields)),
    observedTimeUnixNano: nanos(loggedAt),
    severityNumber,
    severityText,
    eventName: `talosgate.${textOf(fields, 'kind') ?? 'unknown'}`,
    body: { stringValue: body },
    attributes: [integer('talosgate.idx', index), text('talosgate.leaf', leaf), ...attributesOf(fields)],
  };
}

function attributesOf(fields: Fields): Attribute[] {
  return [
    ...textAttributes.flatMap(([key, member]) => {
      const value = textOf(fields, member);
      return value === undefined ? [] : [text(key, value)];
    }),
    ...numberAttributes.flatMap(([key, member]) => {
      const value = numberOf(fields, member);
      return value === undefined ? [] : [integer(key, value)];
    }),
  ];
}

function text(key: string, value: string): Attribute {
  return { key, value: { stringValue: value } };
}

function integer(key: string, value: number): Attribute {
  return { key, value: { intValue: String(value) } };
}

function nanos(ms: number): string {
  return `${Math.max(0, Math.trunc(ms))}000000`;
}
