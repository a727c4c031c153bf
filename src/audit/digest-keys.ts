import { createHmac } from 'node:crypto';

/** A key for digests and its name in the log. */
export interface DigestKey {
  readonly id: string;
  readonly key: string;
}

/** Length and keyed digest of a value that the log must not hold. */
export interface KeyedDigest {
  /** Bytes, decimal. */
  readonly length: string;
  /** `<key id>:<HMAC-SHA256, hex>` */
  readonly digest: string;
}

/** Keyed digests over field path and value: equal values can be matched without either being stored. */
export interface DigestKeys {
  /** Under the key in force. */
  digest(field: string, value: Uint8Array): KeyedDigest;
  /** Under every key known, the one in force first: what to look for in records of any age. */
  everyDigest(field: string, value: Uint8Array): readonly string[];
}

/** `active` makes new digests; `former` are kept so that older records can still be matched. */
export function createDigestKeys(active: DigestKey, former: readonly DigestKey[] = []): DigestKeys {
  // Half of all requests are empty; their digest never changes.
  const emptyRequest = { length: '0', digest: compute(active, 'request', new Uint8Array()) };
  return {
    digest: (field, value) =>
      value.length === 0 && field === 'request'
        ? emptyRequest
        : { length: String(value.length), digest: compute(active, field, value) },
    everyDigest: (field, value) => [active, ...former].map(key => compute(key, field, value)),
  };
}

function compute({ id, key }: DigestKey, field: string, value: Uint8Array): string {
  return `${id}:${createHmac('sha256', key).update(field).update('\0').update(value).digest('hex')}`;
}
