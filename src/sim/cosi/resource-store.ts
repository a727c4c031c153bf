import type { Clock } from '../../core/clock.ts';
import { Waiters } from '../waiters.ts';
import type { EncodedSpec } from './spec.ts';

/** A resource as it is kept. Never changed in place: an update makes another one. */
export interface StoredResource {
  readonly namespace: string;
  readonly type: string;
  readonly id: string;
  /** Starts at 1 and grows by 1. */
  readonly version: number;
  /** Controller that made it. */
  readonly owner: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch. */
  readonly created: number;
  readonly updated: number;
  readonly spec: EncodedSpec;
}

export type ChangeKind = 'created' | 'updated' | 'destroyed';

/** One change, with its place in the order of all changes of the store. */
export interface Change {
  readonly position: number;
  readonly kind: ChangeKind;
  readonly resource: StoredResource;
  readonly old: StoredResource | undefined;
}

export interface ResourceKey {
  readonly namespace: string;
  readonly type: string;
  readonly id: string;
}

const bound = 2000;

/** The COSI state of a node. Kinds are told apart exactly as written; only definitions are looked up without case. */
export class ResourceStore {
  readonly #clock: Clock;
  readonly #resources = new Map<string, Map<string, StoredResource>>();
  #changes: Change[] = [];
  #next = 0;
  readonly #waiters = new Waiters();
  /** Tells the bookmarks of this boot from those of another. */
  #cookie: Buffer;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#cookie = clock.random(8);
  }

  /** Position that the next change will have. */
  get position(): number {
    return this.#next;
  }

  get(key: ResourceKey): StoredResource | undefined {
    return this.#resources.get(kindOf(key))?.get(key.id);
  }

  /** All of a kind, by id. */
  list(kind: Omit<ResourceKey, 'id'>): readonly StoredResource[] {
    const found = [...(this.#resources.get(kindOf(kind))?.values() ?? [])];
    return found.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Creates or updates. An unchanged spec changes nothing, not even the version. */
  put(key: ResourceKey, spec: EncodedSpec, owner: string, annotations: Readonly<Record<string, string>> = {}): void {
    const old = this.get(key);
    if (old !== undefined && old.spec.yaml === spec.yaml) return;
    const now = this.#clock.now();
    const resource: StoredResource = {
      ...key,
      spec,
      owner,
      annotations,
      version: (old?.version ?? 0) + 1,
      created: old?.created ?? now,
      updated: now,
    };
    const kind = this.#resources.get(kindOf(key)) ?? new Map<string, StoredResource>();
    this.#resources.set(kindOf(key), kind.set(key.id, resource));
    this.#publish(old === undefined ? 'created' : 'updated', resource, old);
  }

  remove(key: ResourceKey): void {
    const old = this.get(key);
    if (old === undefined) return;
    this.#resources.get(kindOf(key))?.delete(key.id);
    this.#publish('destroyed', old, undefined);
  }

  /** A boot: everything starts anew, and old bookmarks mean nothing any more. */
  clear(): void {
    this.#resources.clear();
    this.#changes = [];
    this.#next = 0;
    this.#cookie = this.#clock.random(8);
  }

  /** Changes of the kind from a position on, then new ones as they come. Rejects when the signal aborts. */
  async *watch(kind: Omit<ResourceKey, 'id'>, from: number, signal: AbortSignal): AsyncGenerator<Change, void> {
    let next = from;
    for (;;) {
      const change = this.#changes.find(
        ({ position, resource }) => position >= next && kindOf(resource) === kindOf(kind),
      );
      if (change === undefined) {
        next = this.#next;
        await this.#waiters.sleep(signal);
      } else {
        next = change.position + 1;
        yield change;
      }
    }
  }

  /** Position after the bookmarked change; undefined when the bookmark is not one of this boot or too old. */
  resolve(bookmark: Uint8Array): number | undefined {
    const bytes = Buffer.from(bookmark);
    if (bytes.length !== 16 || !bytes.subarray(0, 8).equals(this.#cookie)) return undefined;
    const position = Number(bytes.readBigInt64BE(8));
    const oldest = this.#changes[0]?.position ?? this.#next;
    return position >= oldest - 1 && position < this.#next ? position + 1 : undefined;
  }

  bookmark(position: number): Buffer {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64BE(BigInt(position));
    return Buffer.concat([this.#cookie, bytes]);
  }

  /** Position from which the last `count` changes of the kind (and id) can be seen. */
  tail(kind: Omit<ResourceKey, 'id'>, id: string | undefined, count: number): number {
    const matching = this.#changes.filter(
      ({ resource }) => kindOf(resource) === kindOf(kind) && (id === undefined || resource.id === id),
    );
    return matching.at(-count)?.position ?? matching[0]?.position ?? this.#next;
  }

  #publish(kind: ChangeKind, resource: StoredResource, old: StoredResource | undefined): void {
    this.#changes.push({ position: this.#next, kind, resource, old });
    this.#next += 1;
    if (this.#changes.length > bound) this.#changes.shift();
    this.#waiters.wake();
  }
}

function kindOf({ namespace, type }: Omit<ResourceKey, 'id'>): string {
  return `${namespace}/${type}`;
}
