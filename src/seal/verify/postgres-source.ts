import type { Queryable } from '../../db/query.ts';
import { splitHashes } from '../../tlog/merkle.ts';
import { columnRules, otherColumns } from './columns.ts';
import type { LogCheckpoint, LogEntry, LogOrigin, LogSource, RecordingSource, StoredChunk } from './source.ts';

/** Records read at a time. */
const page = 4_096;
const checkpointPage = 1_000;

/**
 * The log in Postgres, through the views of talosgate_reader. Statements go one after the other, so a log that is written
 * meanwhile is well: the number of records and the newest checkpoint are asked for first.
 */
export async function openPostgresSource(on: Queryable): Promise<LogSource> {
  const ask = async <Row extends object>(
    text: string,
    params: Parameters<Queryable['query']>[1] = [],
  ): Promise<Row[]> =>
    await on.query<Row>({ name: `verify.${text.length}.${hashOf(text)}`, text }, params, { timeoutMs: 60_000 });
  const listed = await ask<{ name: string }>(
    `SELECT attname AS name FROM pg_catalog.pg_attribute
     WHERE attrelid = 'talosgate.audit_log'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
  );
  const names = listed.map(({ name }) => name).filter(name => !otherColumns.has(name) || name === 'late');
  const origins = await ask<{ origin: string; follows: string | null; record: number | null }>(
    'SELECT origin, follows, record_idx AS record FROM talosgate.audit_origins',
  );
  const until = new Map<string, number>();
  for (const { origin } of origins) {
    const [row] = await ask<{ size: number | null }>(
      'SELECT max(size) AS size FROM talosgate.audit_checkpoints WHERE origin = $1',
      [origin],
    );
    until.set(origin, row?.size ?? 0);
  }
  const [head] = await ask<{ size: number }>('SELECT size FROM talosgate.audit_size');
  const size = head?.size ?? 0;
  const end = { size };

  const leaves = async (origin: string, from: number, to: number): Promise<Buffer> => {
    const rows = await ask<{ first: number; leaves: Buffer }>(
      `SELECT first, leaves FROM talosgate.audit_leaf_runs
       WHERE origin = $1 AND first < $3 AND first >= coalesce((SELECT max(first) FROM talosgate.audit_leaf_runs
         WHERE origin = $1 AND first <= $2), $2) ORDER BY first`,
      [origin, from, to],
    );
    const parts: Buffer[] = [];
    let at = from;
    for (const { first, leaves: run } of rows) {
      const runEnd = first + run.length / 32;
      if (first > at || runEnd <= at) continue;
      const part = run.subarray((at - first) * 32, (Math.min(to, runEnd) - first) * 32);
      parts.push(part);
      at += part.length / 32;
    }
    return Buffer.concat(parts);
  };
  const tile = async (origin: string, level: number, n: number): Promise<Buffer | undefined> => {
    const [row] = await ask<{ hashes: Buffer }>(
      'SELECT hashes FROM talosgate.audit_tiles WHERE origin = $1 AND level = $2 AND n = $3',
      [origin, level, n],
    );
    return row?.hashes;
  };

  return {
    origins: origins.map(
      ({ origin, follows, record }): LogOrigin => ({
        origin,
        follows: follows ?? undefined,
        record: record ?? undefined,
      }),
    ),
    get size() {
      return end.size;
    },
    uncovered: names.filter(name => name !== 'late' && !(name in columnRules)),
    live: true,
    entries: () => readEntries(ask, names, end),
    checkpoints: origin => readCheckpoints(ask, origin, until.get(origin) ?? 0),
    leaves,
    hasLeavesBeyond: async (origin, covered) => {
      const known = Math.max(until.get(origin) ?? 0, covered);
      const [row] = await ask<{ found: boolean }>(
        `SELECT EXISTS (SELECT FROM talosgate.audit_leaf_runs AS r WHERE origin = $1 AND first >= $2 AND NOT EXISTS (
           SELECT FROM talosgate.audit_checkpoints AS c WHERE c.origin = r.origin AND c.size > r.first)) AS found`,
        [origin, known],
      );
      return row?.found === true;
    },
    tile,
    recordings: recordingsOf(ask),
    tree: origin => ({
      leaves: async (from, to) => splitHashes(await leaves(origin, from, to)),
      tile: async (level, n) => {
        const found = await tile(origin, level, n);
        return found === undefined ? undefined : splitHashes(found);
      },
    }),
  };
}

type Ask = <Row extends object>(text: string, params?: Parameters<Queryable['query']>[1]) => Promise<Row[]>;

async function* readEntries(ask: Ask, names: readonly string[], end: { size: number }): AsyncGenerator<LogEntry[]> {
  // One text instead of forty values: the driver reads it several times faster. In UTC, whatever the session is set to.
  const values = names.map(name => (name === 'gw_ts' ? `gw_ts AT TIME ZONE 'UTC'` : `"${name}"`)).join(', ');
  const time = names.indexOf('gw_ts');
  const text = `SELECT idx, leaf, body, json_build_array(${values})::text AS columns FROM talosgate.audit_log
    WHERE idx >= $1 ORDER BY idx LIMIT ${page}`;
  const read = (from: number): Promise<{ idx: number; leaf: Buffer; body: Buffer; columns: string }[]> =>
    ask(text, [from]);
  let ahead = read(0);
  for (;;) {
    const rows = await ahead;
    const last = rows.at(-1);
    if (last === undefined) return;
    // Before the next page is asked for: whatever counts by now will be in it.
    const [head] = await ask<{ size: number }>('SELECT size FROM talosgate.audit_size');
    if (head !== undefined) end.size = head.size;
    ahead = read(last.idx + 1);
    ahead.catch(() => undefined);
    yield rows.map(({ idx, leaf, body, columns }) => {
      const found = JSON.parse(columns) as unknown[];
      if (time >= 0) found[time] = `${String(found[time])}+00:00`;
      return { idx, leaf, body, columns: byName(names, found) };
    });
  }
}

/** A plain loop: pairs for forty columns of each record would be most of the garbage. */
function byName(names: readonly string[], values: readonly unknown[]): Record<string, unknown> {
  const columns: Record<string, unknown> = {};
  for (let at = 0; at < names.length; at++) columns[names[at] ?? ''] = values[at];
  return columns;
}

/** Ids come from bodies that may be anybody's: what is no UUID names no session. */
const isUuid = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);

function recordingsOf(ask: Ask): RecordingSource {
  return {
    keysDigest: async session => {
      if (!isUuid(session)) return undefined;
      const [row] = await ask<{ digest: string }>(
        `SELECT encode(sha256(convert_to(keys, 'UTF8')), 'hex') AS digest FROM talosgate.session_list WHERE id = $1::uuid`,
        [session],
      );
      return row?.digest;
    },
    chunks: async (session, seqs) => {
      if (!isUuid(session)) return [];
      return await ask<StoredChunk>(
        `SELECT seq, direction, encode(sha256(ciphertext), 'hex') AS sha256, length(ciphertext) AS size
         FROM talosgate.session_content WHERE session_id = $1::uuid AND seq = ANY($2::bigint[])`,
        [session, seqs],
      );
    },
  };
}

async function* readCheckpoints(ask: Ask, origin: string, until: number): AsyncGenerator<LogCheckpoint> {
  let after = -1;
  for (;;) {
    const rows = await ask<{
      size: number;
      previous: number;
      root: Buffer;
      note: string;
      witnesses: string[] | null;
      lines: string[] | null;
    }>(
      `SELECT c.size, c.previous, c.root, c.note, s.witnesses, s.lines FROM talosgate.audit_checkpoints AS c
       LEFT JOIN LATERAL (SELECT array_agg(witness ORDER BY witness) AS witnesses, array_agg(line ORDER BY witness) AS lines
         FROM talosgate.audit_cosignatures AS s WHERE s.origin = c.origin AND s.size = c.size) AS s ON true
       WHERE c.origin = $1 AND c.size > $2 AND c.size <= $3 ORDER BY c.size LIMIT ${checkpointPage}`,
      [origin, after, until],
    );
    for (const { size, previous, root, note, witnesses, lines } of rows) {
      const cosignatures = (witnesses ?? []).map((witness, at) => ({ witness, line: lines?.[at] ?? '' }));
      yield { size, previous, root, note, cosignatures };
    }
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.size;
  }
}

/** A name for a prepared statement; equal texts, equal names. */
function hashOf(text: string): string {
  let sum = 0;
  for (let at = 0; at < text.length; at++) sum = (sum * 31 + text.charCodeAt(at)) >>> 0;
  return sum.toString(36);
}
