import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import type { Clock } from '../core/clock.ts';
import { openWatchedFile } from './watched-file.ts';

/** Public keys of one issuer at one moment. Compare by identity: other keys are another object. */
export interface KeySet {
  readonly getKey: JWTVerifyGetKey;
}

/** Where an issuer's keys come from. */
export interface KeySource {
  /** The keys to use now. Throws KeysUnavailable when there are none that may still be used. */
  current(): Promise<KeySet>;
  /** Looks again because a token names a key that is not in `current`; gives the same object when nothing changed. */
  newer(): Promise<KeySet>;
}

/** The keys of an issuer cannot be had. */
export class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable';
}

/** Times of the remote key set, in milliseconds. */
export const remoteKeyTimes = {
  /** Keys younger than this are used without asking. */
  fresh: 10 * 60_000,
  /** Keys younger than this are used while new ones are being fetched, or while the provider is away. */
  usable: 60 * 60_000,
  /** Between two fetches at least this long passes, however many unknown keys are named. */
  coolDown: 10_000,
  /** One fetch takes at most this long. */
  timeout: 5_000,
} as const;

const maxBodyBytes = 1024 * 1024;

/** Keys from a JWKS file (RFC 7517), read again when it changes. Throws GateError `bad-config` when unreadable. */
export async function openKeyFile(
  path: string,
  clock: Clock,
  onProblem: (message: string) => void,
): Promise<KeySource> {
  const file = await openWatchedFile({ path, clock, parse: parseKeySet, onProblem });
  return { current: () => file.current(), newer: () => file.check() };
}

/** Keys from a JWKS address. Nothing is fetched before the first token asks. */
export function createRemoteKeys(url: string, clock: Clock, onProblem: (message: string) => void): KeySource {
  let held: { readonly set: KeySet; readonly text: string; fetchedAt: number } | undefined;
  let triedAt = Number.NEGATIVE_INFINITY;
  let pending: Promise<void> | undefined;

  async function load(): Promise<void> {
    triedAt = clock.now();
    try {
      const text = await fetchText(url);
      if (held?.text === text) held.fetchedAt = clock.now();
      else held = { set: parseKeySet(text), text, fetchedAt: clock.now() };
    } catch (cause) {
      const message = `${url}: ${cause instanceof Error ? cause.message : String(cause)}`;
      onProblem(message);
      throw new KeysUnavailable(message, { cause });
    }
  }

  function reload(): Promise<void> {
    pending ??= load().finally(() => {
      pending = undefined;
    });
    return pending;
  }

  async function reloadPolitely(): Promise<void> {
    if (pending === undefined && clock.now() - triedAt < remoteKeyTimes.coolDown) return;
    await reload();
  }

  function usable(): KeySet {
    if (held === undefined || clock.now() - held.fetchedAt >= remoteKeyTimes.usable) {
      throw new KeysUnavailable(`${url}: no keys`);
    }
    return held.set;
  }

  return {
    async current() {
      const age = held === undefined ? Number.POSITIVE_INFINITY : clock.now() - held.fetchedAt;
      if (age >= remoteKeyTimes.usable) await reloadPolitely();
      // Nobody waits for this one; what went wrong was told to onProblem.
      else if (age >= remoteKeyTimes.fresh) reloadPolitely().catch(() => undefined);
      return usable();
    },
    async newer() {
      await reloadPolitely();
      return usable();
    },
  };
}

function parseKeySet(text: string): KeySet {
  const json: unknown = JSON.parse(text);
  return { getKey: createLocalJWKSet(json as JSONWebKeySet) };
}

async function fetchText(url: string): Promise<string> {
  const response = await fetch(url, {
    redirect: 'error',
    headers: { accept: 'application/jwk-set+json, application/json' },
    signal: AbortSignal.timeout(remoteKeyTimes.timeout),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`answered with status ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    const part = chunk as Uint8Array;
    size += part.length;
    if (size > maxBodyBytes) throw new Error(`answered with more than ${maxBodyBytes} bytes`);
    chunks.push(part);
  }
  return Buffer.concat(chunks).toString('utf8');
}
