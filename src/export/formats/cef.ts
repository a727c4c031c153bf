import type { AuditLine } from '../../core/audit-line.ts';
import type { FormatContext } from './context.ts';
import { numberOf, readFields, textOf, timeOf } from './fields.ts';
import { type Importance, importanceOf } from './importance.ts';

const severities = { info: 2, notice: 4, high: 7, integrity: 9 } as const satisfies Record<Importance, number>;

/** One record as one event in ArcSight's Common Event Format, version 0, without a line break. */
export function toCef({ index, leaf, body }: AuditLine, { version, host }: FormatContext): string {
  const fields = readFields(body);
  const kind = textOf(fields, 'kind') ?? 'unknown';
  const name = textOf(fields, 'action') ?? kind;
  const severity = severities[importanceOf(fields)];
  const header = ['CEF:0', 'talosgate', 'talosgate', version, kind, name, String(severity)].map(escapeHeader).join('|');
  const extension: readonly (readonly [string, string | number | undefined])[] = [
    ['externalId', index],
    ['rt', timeOf(fields)],
    ['dvchost', host],
    ['suser', textOf(fields, 'principal')],
    ['src', textOf(fields, 'peerAddress')],
    ['spt', numberOf(fields, 'peerPort')],
    ['dhost', textOf(fields, 'node')],
    ['act', textOf(fields, 'decision')],
    ['reason', textOf(fields, 'reason')],
    ['outcome', numberOf(fields, 'grpcCode')],
    ['request', textOf(fields, 'method')],
    ['requestClientApplication', textOf(fields, 'userAgent')],
    ['in', numberOf(fields, 'requestBytes')],
    ['out', numberOf(fields, 'responseBytes')],
    ...labelled(1, 'leaf', leaf),
    ...labelled(2, 'call', textOf(fields, 'callId')),
    ...labelled(3, 'resource', textOf(fields, 'resource')),
    ...labelled(4, 'cluster', textOf(fields, 'cluster')),
    ...labelled(5, 'rule', textOf(fields, 'rule')),
    ...labelled(6, 'approval', textOf(fields, 'approvalId')),
  ];
  const pairs = extension.flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${escapeValue(value)}`]));
  return `${header}|${pairs.join(' ')}`;
}

/** The format has six text fields whose meaning stands in a second field. */
function labelled(n: number, label: string, value: string | undefined): (readonly [string, string | undefined])[] {
  return value === undefined
    ? []
    : [
        [`cs${n}Label`, label],
        [`cs${n}`, value],
      ];
}

function escapeHeader(text: string): string {
  return text.replace(/[\\|]/g, '\\$&').replace(/[\r\n]+/g, ' ');
}

function escapeValue(value: string | number): string {
  return String(value).replace(/[\\=]/g, '\\$&').replaceAll('\r', '\\r').replaceAll('\n', '\\n');
}
