import type { Principal } from '../core/principal.ts';
import type { KeySet, KeySource } from './key-sets.ts';

/** A token that was verified, with which keys, and where to ask whether those are still the keys. */
interface VerifiedToken {
  readonly principal: Principal;
  readonly keys: KeySet;
  readonly source: KeySource;
}

/** Verified tokens by SHA-256 of their text; never the text itself. Least recently used ones leave first. */
export interface TokenCache {
  get(fingerprint: string): VerifiedToken | undefined;
  set(fingerprint: string, token: VerifiedToken): void;
  delete(fingerprint: string): void;
  readonly size: number;
}

/** Makes a cache that holds at most `limit` tokens. */
export function createTokenCache(limit: number): TokenCache {
  const entries = new Map<string, VerifiedToken>();
  return {
    get(fingerprint) {
      const entry = entries.get(fingerprint);
      if (entry === undefined) return undefined;
      entries.delete(fingerprint);
      entries.set(fingerprint, entry);
      return entry;
    },
    set(fingerprint, token) {
      entries.delete(fingerprint);
      entries.set(fingerprint, token);
      const [oldest] = entries.keys();
      if (entries.size > limit && oldest !== undefined) entries.delete(oldest);
    },
    delete: fingerprint => void entries.delete(fingerprint),
    get size() {
      return entries.size;
    },
  };
}
