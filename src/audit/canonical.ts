import type { AuditRecord } from '../core/audit-record.ts';
import type { AuditValue } from '../core/method.ts';
import type { Proof } from '../core/principal.ts';
import { cleanText } from './clean-text.ts';

/** Version of the body's shape, in its member `v`. */
const schemaVersion = 1;
/** Longest body, in bytes. A record that would be longer loses its request and details, then more of its text. */
export const maxBodyBytes = 16 * 1024;

/** What the log adds to a record. */
export interface Stamp {
  readonly bootId: string;
  /** Milliseconds since the epoch when the record was handed over. */
  readonly time: number;
  /** Monotonic microseconds of this process at that moment. */
  readonly mono: number;
}

interface Limits {
  readonly text: number;
  readonly list: number;
  readonly members: number;
  readonly whole: boolean;
}
const roomy: Limits = { text: 1024, list: 256, members: 256, whole: true };
const tight: Limits = { text: 192, list: 8, members: 16, whole: false };

type Encoder = (value: never, limits: Limits) => string | undefined;

const text: Encoder = say;
const int32: Encoder = (value: number) => integer(value, 0x7fffffff);
const int64: Encoder = (value: number) => integer(value, Number.MAX_SAFE_INTEGER);
const texts: Encoder = (value: readonly string[], limits: Limits) => list(value, limits, 0);
const members: Encoder = (value: Readonly<Record<string, AuditValue>>, limits: Limits) =>
  limits.whole ? object(value, limits) : '{"omitted":"too large for one record"}';
const proofs: Encoder = (value: readonly Proof[], limits: Limits) =>
  `[${value
    .slice(0, limits.whole ? 8 : 2)
    .map(one => proof(one, limits))
    .join(',')}]`;

/**
 * Every member that a record may bring, in the order of RFC 8785 (UTF-16 code units) that the body has. The log's own
 * members bootId, mono, time and v are put in between; `wseq` is last of all, so that it can be added when a batch is built.
 */
const fields = {
  action: text,
  approvalId: text,
  asked: text,
  callId: text,
  cluster: text,
  decision: text,
  details: members,
  durationUs: int64,
  endCause: text,
  groups: texts,
  grpcCode: int32,
  grpcMessage: text,
  kind: text,
  leg: int32,
  method: text,
  node: text,
  peerAddress: text,
  peerPort: int32,
  policyRevision: text,
  principal: text,
  principalKind: text,
  proofs,
  reason: text,
  request: members,
  requestBytes: int64,
  requestDigest: text,
  requestMessages: int64,
  resource: text,
  responseBytes: int64,
  responseMessages: int64,
  risk: text,
  rule: text,
  talosRole: text,
  userAgent: text,
} satisfies Record<keyof AuditRecord, Encoder>;

const own = { bootId: 0, mono: 1, time: 2, v: 3 };
const plan = [...Object.entries<Encoder>(fields), ...Object.entries(own)]
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([name, encode]) => ({ name: name as keyof AuditRecord, key: `,${JSON.stringify(name)}:`, encode }));

/**
 * The canonical body of a record (JSON by RFC 8785, integers as strings) up to and without the value of its last member
 * `wseq`. Never throws: text is cleaned and cut, numbers are clamped, so that no record can be refused for its content.
 */
export function encodeRecord(record: AuditRecord, stamp: Stamp): string {
  const whole = encode(record, stamp, roomy);
  // Room for the counter and the closing brace. A character is at most three bytes.
  const limit = maxBodyBytes - 32;
  if (whole.length * 3 <= limit || Buffer.byteLength(whole) <= limit) return whole;
  return encode(record, stamp, tight);
}

/** Completes a body with its position among the records of its boot. */
export function finishBody(encoded: string, wseq: number): string {
  return `${encoded}${wseq}"}`;
}

function encode(record: AuditRecord, stamp: Stamp, limits: Limits): string {
  let body = '';
  for (const { name, key, encode: encoder } of plan) {
    if (typeof encoder === 'number') {
      body += key + ownMember(encoder, stamp);
      continue;
    }
    const value = record[name];
    if (value === undefined) continue;
    const encoded = encoder(value as never, limits);
    if (encoded !== undefined) body += key + encoded;
  }
  return `{${body.slice(1)},"wseq":"`;
}

function ownMember(which: number, stamp: Stamp): string {
  if (which === own.bootId) return `"${stamp.bootId}"`;
  if (which === own.mono) return `"${stamp.mono}"`;
  if (which === own.time) return `"${new Date(stamp.time).toISOString()}"`;
  return `"${schemaVersion}"`;
}

function integer(value: number, most: number): string | undefined {
  return Number.isFinite(value) ? `"${Math.min(Math.max(Math.trunc(value), 0), most)}"` : undefined;
}

function list(values: readonly AuditValue[], limits: Limits, depth: number): string {
  const shown = values.slice(0, limits.list).map(value => auditValue(value, limits, depth + 1));
  if (values.length > limits.list) shown.push(`"…(+${values.length - limits.list} more)"`);
  return `[${shown.join(',')}]`;
}

function auditValue(value: AuditValue, limits: Limits, depth: number): string {
  if (typeof value === 'string') return say(value, limits);
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (isList(value)) return depth < 8 ? list(value, limits, depth) : '"…(nested too deep)"';
  const { digest, length } = value;
  return `{"digest":${say(digest, limits)},"length":${say(length, limits)}}`;
}

function isList(value: AuditValue): value is readonly AuditValue[] {
  return Array.isArray(value);
}

/** Member names come from field paths, some of them from callers; after cleaning two may be the same. */
function object(value: Readonly<Record<string, AuditValue>>, limits: Limits): string {
  const cleaned = new Map<string, AuditValue>();
  for (const [name, member] of Object.entries(value)) {
    let key = cleanText(name, 128);
    while (cleaned.has(key)) key += '~';
    if (cleaned.size < limits.members) cleaned.set(key, member);
  }
  const sorted = [...cleaned].sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([name, member]) => `${JSON.stringify(name)}:${auditValue(member, limits, 0)}`).join(',')}}`;
}

function proof(value: Proof, limits: Limits): string {
  const member = (name: string, content: string | undefined): string =>
    content === undefined ? '' : `,"${name}":${say(content, limits)}`;
  const { fingerprint, issuer } = value;
  const common = member('fingerprint', fingerprint) + member('issuer', issuer);
  if (value.kind === 'mtls') return `{${common.slice(1)},"kind":"mtls"${member('serial', value.serial)}}`;
  const first = `"algorithm":${say(value.algorithm, limits)},"audience":${list(value.audience, limits, 0)}`;
  const last = member('subject', value.subject) + member('tokenId', value.tokenId);
  return `{${first}${common}${member('keyId', value.keyId)},"kind":"jwt"${last}}`;
}

// Printable ASCII without quotation mark and backslash stands for itself, which nearly everything in a record does.
const plain = /^[ !#-[\]-~]*$/;

/** One string, cleaned, cut and quoted. JSON.stringify escapes as RFC 8785 section 3.2.2.2 asks for. */
function say(value: string, limits: Limits): string {
  return value.length <= limits.text && plain.test(value)
    ? `"${value}"`
    : JSON.stringify(cleanText(value, limits.text));
}
