import type { AuditLine } from '../../core/audit-line.ts';

/**
 * One record as one line of JSON, without a line break: `{"idx":7,"leaf":"…","late":false,"logged":"…","body":{…}}`.
 * The body stands there byte for byte as it was hashed, from after `"body":` to before the last brace:
 * SHA-256(0x00 || body) is the leaf.
 */
export function toJsonLine({ index, leaf, late, loggedAt, body }: AuditLine): string {
  const head = JSON.stringify({ idx: index, leaf, late, logged: new Date(loggedAt).toISOString() });
  return `${head.slice(0, -1)},"body":${body}}`;
}
