import { hash } from 'node:crypto';
import type { AuditRecord } from '../core/audit-record.ts';
import { GateError } from '../core/gate-error.ts';
import { DatabaseError } from '../db/database-error.ts';
import type { Queryable, SqlValue, Statement } from '../db/query.ts';
import type { Direction } from './cipher.ts';
import type { WrappedKey } from './keys.ts';
import { keysDigest } from './keys-digest.ts';
import type { SessionFacts } from './records.ts';
import * as sql from './statements.ts';

/** One recorded session, as the tables have it. Times in milliseconds since the epoch. */
export interface SessionView extends SessionFacts {
  readonly keys: readonly WrappedKey[];
  /** What `session.started` has to name. */
  readonly keysDigest: string;
  readonly startedAt: number;
  readonly endedAt: number | undefined;
  /** `running` until the end is known. */
  readonly state: 'running' | 'ended' | 'lost';
  readonly cause: string | undefined;
  readonly exitCode: number | undefined;
  readonly killedBy: string | undefined;
  readonly killReason: string | undefined;
}

/** One chunk that the log vouches for; its ciphertext has the hash that the log names. */
export interface StoredChunk {
  readonly seq: number;
  readonly direction: Direction;
  readonly ciphertext: Buffer;
  /** Where in the log it stands, decimal. */
  readonly index: string;
}

/**
 * Reads recordings with the reader's login. Rejects with GateError: `audit-unavailable` when the database is away, and
 * `denied` naming the chunk that is missing, changed or out of its place.
 */
export interface SessionReader {
  list(filter: {
    readonly principal?: string | undefined;
    readonly node?: string | undefined;
    readonly running?: boolean | undefined;
    readonly limit: number;
  }): Promise<readonly SessionView[]>;
  get(id: string): Promise<SessionView | undefined>;
  /** Chunks above an index of the log, oldest first; at most `limit`. `seq` is the next one that has to come. */
  chunks(id: string, after: string, seq: number, limit: number): Promise<readonly StoredChunk[]>;
  /** The record of the start. */
  started(id: string): Promise<AuditRecord | undefined>;
  /** The record of the end, once there is one. */
  end(id: string): Promise<AuditRecord | undefined>;
}

interface Row {
  readonly id: string;
  readonly approval_id: string | null;
  readonly principal: string;
  readonly cluster: string;
  readonly node: string;
  readonly resource: string;
  readonly emergency: boolean;
  readonly keys: string;
  readonly started_at: Date;
  readonly ended_at: Date | null;
  readonly ended_as: 'ended' | 'lost' | null;
  readonly end_cause: string | null;
  readonly exit_code: number | null;
  readonly killed_by: string | null;
  readonly kill_reason: string | null;
}

interface ChunkRow {
  readonly idx: number;
  readonly seq: string;
  readonly direction: Direction;
  readonly sha256: string;
  readonly ciphertext: Buffer | null;
}

export function createSessionReader(on: Queryable): SessionReader {
  return {
    list: async ({ principal, node, running, limit }) => {
      const rows = await ask<Row>(on, sql.list, [principal ?? null, node ?? null, running ?? null, limit]);
      return rows.map(toView);
    },
    get: async id => {
      const [row] = await ask<Row>(on, sql.get, [id]);
      return row === undefined ? undefined : toView(row);
    },
    chunks: async (id, after, seq, limit) => verified(id, seq, await ask<ChunkRow>(on, sql.chunks, [id, after, limit])),
    started: id => oneRecord(on, sql.started, id),
    end: id => oneRecord(on, sql.end, id),
  };
}

async function oneRecord(on: Queryable, statement: Statement, id: string): Promise<AuditRecord | undefined> {
  const [row] = await ask<{ body: string }>(on, statement, [id]);
  return row === undefined ? undefined : (JSON.parse(row.body) as AuditRecord);
}

/** A chunk counts as the log has it: its number follows the last one, and its ciphertext has the recorded hash. */
function verified(id: string, first: number, rows: readonly ChunkRow[]): StoredChunk[] {
  const chunks: StoredChunk[] = [];
  let next = first;
  for (const row of rows) {
    const seq = Number(row.seq);
    if (seq !== next) throw new GateError('denied', `session ${id}: the log goes from chunk ${next - 1} to ${row.seq}`);
    if (row.ciphertext === null) throw new GateError('denied', `session ${id}: chunk ${seq} is missing`);
    if (hash('sha256', row.ciphertext, 'hex') !== row.sha256) {
      throw new GateError('denied', `session ${id}: chunk ${seq} is not what was recorded`);
    }
    chunks.push({ seq, direction: row.direction, ciphertext: row.ciphertext, index: String(row.idx) });
    next += 1;
  }
  return chunks;
}

function toView(row: Row): SessionView {
  return {
    id: row.id,
    approvalId: row.approval_id ?? undefined,
    principal: row.principal,
    cluster: row.cluster,
    node: row.node,
    resource: row.resource,
    emergency: row.emergency,
    keys: JSON.parse(row.keys) as WrappedKey[],
    keysDigest: keysDigest(row.keys),
    startedAt: row.started_at.getTime(),
    endedAt: row.ended_at?.getTime(),
    state: row.ended_as ?? 'running',
    cause: row.end_cause ?? undefined,
    exitCode: row.exit_code ?? undefined,
    killedBy: row.killed_by ?? undefined,
    killReason: row.kill_reason ?? undefined,
  };
}

async function ask<T extends object>(on: Queryable, statement: Statement, params: readonly SqlValue[]): Promise<T[]> {
  try {
    return await on.query<T>(statement, params);
  } catch (thrown) {
    const away = thrown instanceof DatabaseError && thrown.failure !== 'refused';
    if (away) throw new GateError('audit-unavailable', 'recordings cannot be read just now', { cause: thrown });
    throw GateError.from(thrown);
  }
}
