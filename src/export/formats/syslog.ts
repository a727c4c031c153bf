import type { AuditLine } from '../../core/audit-line.ts';
import type { FormatContext } from './context.ts';
import { type Fields, readFields, textOf } from './fields.ts';
import { type Importance, importanceOf } from './importance.ts';

export interface SyslogOptions extends FormatContext {
  /** Name of the structured data element, `name@enterprise-number`. */
  readonly structuredDataId: string;
  /** Longest message in bytes, at least 2,048. One that would be longer goes without the record's body. */
  readonly maxBytes: number;
}

/** The number for examples and documentation (RFC 5612); talosgate has none of its own. */
export const exampleSdId = 'talosgate@32473';

/** RFC 5424 section 6.2.1: facility 13 is "log audit". */
const facility = 13;
const severities = { info: 6, notice: 5, high: 4, integrity: 2 } as const satisfies Record<Importance, number>;
/** Longest value of one parameter in bytes, so that all of them always fit into the shortest message. */
const maxParameter = 96;

/** Parameters of the structured data element: name there, member of the body. */
const parameters = [
  ['principal', 'principal'],
  ['action', 'action'],
  ['node', 'node'],
  ['cluster', 'cluster'],
  ['decision', 'decision'],
  ['reason', 'reason'],
  ['code', 'grpcCode'],
  ['src', 'peerAddress'],
  ['call', 'callId'],
  ['approval', 'approvalId'],
] as const;

/**
 * One record as one syslog message by RFC 5424, without framing. The message part is the record's body as JSON in ASCII
 * (other characters as \uXXXX, so that no byte order mark is needed); structured data has the index, the leaf and
 * what is searched for most.
 */
export function toSyslog({ index, leaf, body }: AuditLine, options: SyslogOptions): string {
  const fields = readFields(body);
  const priority = facility * 8 + severities[importanceOf(fields)];
  const time = textOf(fields, 'time') ?? '-';
  const boot = header(textOf(fields, 'bootId'), 128);
  const kind = header(textOf(fields, 'kind'), 32);
  const start = `<${priority}>1 ${time} ${header(options.host, 255)} talosgate ${boot} ${kind}`;
  const data = `${start} [${options.structuredDataId} idx="${index}" leaf="${leaf}"${parametersOf(fields)}`;
  const whole = `${data}] ${toAscii(body)}`;
  if (Buffer.byteLength(whole) <= options.maxBytes) return whole;
  return `${data} truncated="true"] {"omitted":"the record is longer than this receiver takes; see idx in the log"}`;
}

function parametersOf(fields: Fields): string {
  return parameters
    .flatMap(([name, member]) => {
      const value = textOf(fields, member);
      return value === undefined ? [] : [` ${name}="${parameter(value)}"`];
    })
    .join('');
}

/** RFC 5424 section 6.3.3: quotation mark, backslash and closing bracket are escaped, nothing else. */
function parameter(value: string): string {
  let escaped = '';
  for (const character of value) {
    const next = escaped + (/["\\\]]/.test(character) ? `\\${character}` : character);
    if (Buffer.byteLength(next) > maxParameter) return `${escaped}…`;
    escaped = next;
  }
  return escaped;
}

/** A field of the header: printable ASCII without blanks, `-` where there is nothing. */
function header(value: string | undefined, longest: number): string {
  const clean = (value ?? '').replace(/[^\x21-\x7e]/g, '').slice(0, longest);
  return clean === '' ? '-' : clean;
}

/** Inside JSON, anything beyond ASCII stands in a string, where it may be spelled out. */
function toAscii(json: string): string {
  return json.replace(/[^\x20-\x7e]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
