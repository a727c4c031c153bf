import { createHash } from 'node:crypto';
import { isAlias, isMap, isScalar, isSeq, parseAllDocuments } from 'yaml';
import { cleanText } from '../clean-text.ts';
import type { DigestKeys, KeyedDigest } from '../digest-keys.ts';
import { isSafePath, isShownKey } from './safe-paths.ts';

/** What is left of one value: the value itself where it cannot be a secret, else its length and keyed digest. */
export type RedactedValue = string | KeyedDigest;

/** A machine configuration with nothing secret in it: its values by path, in the order of the file. */
export interface RedactedConfig {
  readonly values: ReadonlyMap<string, RedactedValue>;
  /** SHA-256 over all of it, hex: names this state of the configuration. */
  readonly hash: string;
}

/** Larger ones are not taken apart: that would keep the process from other calls for too long. Bytes. */
const mostBytes = 256 * 1024;
const mostDepth = 48;
const mostValues = 8_192;

/**
 * Takes a machine configuration apart (several YAML documents) and replaces every value by its keyed digest unless its
 * path is one of those in `safe-paths.ts`; keys that Talos does not know are replaced too. Never throws: what is no such
 * configuration, or too large to look at, gives the reason instead.
 */
export function redactConfig(data: Uint8Array, keys: DigestKeys): RedactedConfig | { readonly unreadable: string } {
  if (data.length > mostBytes) return { unreadable: `larger than ${mostBytes} bytes` };
  try {
    const values = new Map<string, RedactedValue>();
    const text = new TextDecoder('utf-8', { fatal: true }).decode(data);
    for (const document of parseAllDocuments(text, { uniqueKeys: true, logLevel: 'silent', keepSourceTokens: false })) {
      if (document.errors.length > 0) return { unreadable: 'not YAML' };
      if (document.contents === null) continue;
      if (!isMap(document.contents)) return { unreadable: 'a document that is no map' };
      const kind = document.contents.get('kind');
      const name = document.contents.get('name');
      const start = startOf(kind, name);
      const walk = new Walk(keys, values);
      walk.node(document.contents, typeof kind === 'string' ? [start.kind] : [], start.shown, 0);
    }
    return { values, hash: hashOf(values) };
  } catch (thrown) {
    return { unreadable: thrown instanceof TooMuch ? thrown.message : 'not YAML' };
  }
}

/** Stands for the value of a configuration that was read back. */
export function hashOf(values: ReadonlyMap<string, RedactedValue>): string {
  return createHash('sha256')
    .update(JSON.stringify([...values]))
    .digest('hex');
}

class TooMuch extends Error {}

/** Documents other than the main one are told apart by kind and name. */
function startOf(kind: unknown, name: unknown): { readonly kind: string; readonly shown: string } {
  if (typeof kind !== 'string') return { kind: '', shown: '' };
  const plain = /^[A-Z][A-Za-z0-9]{2,40}Config$/.test(kind) ? kind : 'OtherDocument';
  const label = typeof name === 'string' && /^[A-Za-z0-9._-]{1,63}$/.test(name) ? `/${name}` : '';
  return { kind: plain, shown: `${plain}${label}` };
}

class Walk {
  readonly #keys: DigestKeys;
  readonly #values: Map<string, RedactedValue>;

  constructor(keys: DigestKeys, values: Map<string, RedactedValue>) {
    this.#keys = keys;
    this.#values = values;
  }

  /** `path` is what rules and digests go by, without list indexes; `shown` what people read. */
  node(node: unknown, path: readonly string[], shown: string, depth: number): void {
    if (depth > mostDepth) throw new TooMuch('nested too deep');
    if (isMap(node)) {
      if (node.items.length === 0) this.#put(shown, path, '{}');
      for (const { key, value } of node.items) {
        if (isAlias(key)) throw new TooMuch('YAML aliases');
        const name = isScalar(key) ? String(key.value) : 'complex key';
        const below = [...path, name];
        const label = isShownKey(below)
          ? cleanText(name, 253)
          : `?${this.#digest([...path, '?'], name).digest.slice(-12)}`;
        this.node(value, below, shown === '' ? label : `${shown}.${label}`, depth + 1);
      }
    } else if (isSeq(node)) {
      if (node.items.length === 0) this.#put(shown, path, '[]');
      for (const [at, item] of node.items.entries()) {
        this.node(item, [...path, '[]'], `${shown}[${at}]`, depth + 1);
      }
    } else if (isAlias(node)) {
      // An alias makes a short text stand for an endless one; no tool that writes such files uses them.
      throw new TooMuch('YAML aliases');
    } else {
      const value = isScalar(node) ? node.value : undefined;
      this.#put(shown, path, typeof value === 'string' ? value : JSON.stringify(value ?? ''));
    }
  }

  #put(shown: string, path: readonly string[], value: string): void {
    if (this.#values.size >= mostValues) throw new TooMuch(`more than ${mostValues} values`);
    // Two keys that may not be shown can look the same.
    let place = shown;
    while (this.#values.has(place)) place += '~';
    const plain = isSafePath(path) || /^(|true|false|\{\}|\[\])$/.test(value);
    this.#values.set(place, plain ? cleanText(value, 256) : this.#digest(path, value));
  }

  #digest(path: readonly string[], value: string): KeyedDigest {
    return this.#keys.digest(path.join('.').replaceAll('.[]', '[]'), Buffer.from(value));
  }
}
