import type { Queryable, Statement } from '../db/query.ts';
import { type Hash, splitHashes } from '../tlog/merkle.ts';
import type { Tile } from '../tlog/tiles.ts';

/** A checkpoint as the database keeps it. Nothing of it is verified. */
export interface StoredCheckpoint {
  readonly size: number;
  readonly previous: number;
  readonly root: Buffer;
  readonly note: string;
}

/** Where the database stands: how many records there are, and the newest checkpoint of the origin. */
export interface Standing {
  readonly records: number;
  readonly newest: StoredCheckpoint | undefined;
}

export interface SealableEntry {
  readonly idx: number;
  readonly leaf: Buffer;
  readonly body: Buffer;
}

/** What is added with one checkpoint. */
export interface Seal {
  readonly origin: string;
  readonly previous: number;
  readonly size: number;
  readonly root: Hash;
  readonly note: string;
  /** Leaves from `previous` on. */
  readonly leaves: readonly Hash[];
  readonly tiles: readonly Tile[];
}

const named = (name: string, text: string): Statement => ({ name: `seal.${name}`, text });
const standing = named(
  'standing',
  `SELECT s.size AS records, c.size, c.previous, c.root, c.note FROM talosgate.audit_size AS s LEFT JOIN LATERAL (
     SELECT size, previous, root, note FROM talosgate.audit_checkpoints WHERE origin = $1 ORDER BY size DESC LIMIT 1
   ) AS c ON true`,
);
const leaves = named(
  'leaves',
  'SELECT idx, leaf FROM talosgate.audit_seal_entry WHERE idx >= $1 AND idx < $2 ORDER BY idx',
);
const entries = named(
  'entries',
  'SELECT idx, leaf, body FROM talosgate.audit_seal_entry WHERE idx >= $1 AND idx < $2 ORDER BY idx',
);
const firstRecord = named('first', 'SELECT idx FROM talosgate.audit_seal_entry ORDER BY idx LIMIT 1');
const tile = named('tile', 'SELECT hashes FROM talosgate.audit_tiles WHERE origin = $1 AND level = $2 AND n = $3');
const origins = named('origins', 'SELECT origin, follows FROM talosgate.audit_origins');
const witnessed = named(
  'witnessed',
  'SELECT coalesce(max(size), 0)::bigint AS size FROM talosgate.audit_cosignatures WHERE origin = $1 AND witness = $2',
);
const seal = named('seal', 'SELECT talosgate.audit_seal($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS done');
const cosign = named('cosign', 'SELECT talosgate.audit_cosign($1, $2, $3, $4)');

/** Longest wait for one answer. A sealer that hangs must be noticed within seconds. */
const timeoutMs = 4_000;

/** The statements of the sealer, under the rights of talosgate_sealer. Every function rejects with DatabaseError. */
export function createSealStore(on: Queryable): SealStore {
  const ask = async <Row extends object>(
    statement: Statement,
    params: Parameters<Queryable['query']>[1],
  ): Promise<Row[]> => await on.query<Row>(statement, params, { timeoutMs });
  return {
    standing: async origin => {
      const [row] = await ask<{ records: number; size: number | null } & Omit<StoredCheckpoint, 'size'>>(standing, [
        origin,
      ]);
      const { records = 0, size = null, previous = 0, root = Buffer.of(), note = '' } = row ?? {};
      return { records, newest: size === null ? undefined : { size, previous, root, note } };
    },
    leaves: (from, to) => ask<{ idx: number; leaf: Buffer }>(leaves, [from, to]),
    entries: (from, to) => ask<SealableEntry>(entries, [from, to]),
    firstRecord: async () => (await ask<{ idx: number }>(firstRecord, []))[0]?.idx,
    tile: async (origin, level, n) => {
      const [row] = await ask<{ hashes: Buffer }>(tile, [origin, level, n]);
      return row === undefined ? undefined : splitHashes(row.hashes);
    },
    origins: () => ask(origins, []),
    witnessed: async (origin, witness) => {
      const [row] = await ask<{ size: number }>(witnessed, [origin, witness]);
      return row?.size ?? 0;
    },
    add: async made => {
      const [row] = await ask<{ done: boolean }>(seal, [
        made.origin,
        made.previous,
        made.size,
        made.root,
        made.note,
        made.size - made.leaves.length,
        Buffer.concat(made.leaves),
        made.tiles.map(({ level }) => level),
        made.tiles.map(({ index }) => index),
        Buffer.concat(made.tiles.map(({ hashes }) => hashes)),
      ]);
      return row?.done === true;
    },
    cosign: async (origin, size, witness, line) => {
      await ask(cosign, [origin, size, witness, line]);
    },
  };
}

export interface SealStore {
  standing(origin: string): Promise<Standing>;
  /** Stored leaf hashes of the records `from` up to `to` (excluded), in order. Those that are missing are left out. */
  leaves(from: number, to: number): Promise<{ idx: number; leaf: Buffer }[]>;
  entries(from: number, to: number): Promise<SealableEntry[]>;
  /** Lowest index that the log still has. */
  firstRecord(): Promise<number | undefined>;
  /** The 256 hashes of a full tile. */
  tile(origin: string, level: number, n: number): Promise<Hash[] | undefined>;
  origins(): Promise<{ origin: string; follows: string | null }[]>;
  /** Size of the newest checkpoint that a witness cosigned, 0 when there is none. */
  witnessed(origin: string, witness: string): Promise<number>;
  /** False when another checkpoint was added meanwhile. */
  add(made: Seal): Promise<boolean>;
  cosign(origin: string, size: number, witness: string, line: string): Promise<void>;
}
