import type { AuditEntry, AuditFilter } from '../core/audit-entry.ts';
import type { Queryable, SqlValue } from '../db/query.ts';
import { ask } from './ask.ts';
import { decodeBody } from './decode.ts';
import { type Where, whereOf } from './filter.ts';
import { indexesOf, readLists } from './segment-lists.ts';
import { type Clause, clausesOf, segmentWidth } from './terms.ts';

/** Which part of the log to look through, and how. Indexes are whole numbers below 2^53. */
export interface Range {
  /** Least index. */
  readonly from: number;
  /** Greatest index, exclusive. */
  readonly to: number;
  readonly order: 'oldest-first' | 'newest-first';
  /** Most entries to return. */
  readonly limit: number;
}

/**
 * Entries of a range that satisfy a filter. The newest records, which no segment has yet, are read one by one; of all
 * others the search lists name the candidates, so that the time it takes does not depend on how rare or frequent the
 * values of the filter are. What comes back is decoded from the canonical bodies; lists and columns only serve to find it.
 * Rejects with GateError `audit-unavailable` when the database does not answer.
 */
export async function search(on: Queryable, filter: AuditFilter, range: Range): Promise<AuditEntry[]> {
  const where = whereOf(filter);
  const clauses = clausesOf(filter);
  // Calls and approvals are few records each and have an index of their own.
  if (filter.callId !== undefined || filter.approvalId !== undefined) return await between(on, where, range);
  const listed = await listedUpTo(on);
  const tail = { ...range, from: Math.max(range.from, listed) };
  const lists = { ...range, to: Math.min(range.to, listed) };
  const found: AuditEntry[] = [];
  const left = (part: Range): Range => ({ ...part, limit: range.limit - found.length });
  const newestFirst = range.order === 'newest-first';
  if (newestFirst && tail.from < tail.to) found.push(...(await between(on, where, tail)));
  if (found.length < range.limit && lists.from < lists.to) {
    found.push(...(await inSegments(on, filter, { where, clauses }, left(lists))));
  }
  if (!newestFirst && found.length < range.limit && tail.from < tail.to) {
    found.push(...(await between(on, where, left(tail))));
  }
  return found;
}

/** The index from which on no segment has its lists yet. */
async function listedUpTo(on: Queryable): Promise<number> {
  const [row] = await ask<{ segments: number | null }>(
    on,
    'SELECT max(segment) + 1 AS segments FROM talosgate.audit_segment',
    [],
  );
  return (row?.segments ?? 0) * segmentWidth;
}

interface Row {
  readonly idx: string;
  readonly leaf: Buffer;
  readonly late: boolean;
  readonly body: Buffer;
}

async function between(on: Queryable, where: Where, { from, to, order, limit }: Range): Promise<AuditEntry[]> {
  const n = where.values.length;
  return await select(
    on,
    `${where.text} AND log.idx >= $${n + 1} AND log.idx < $${n + 2} ${orderBy(order)} LIMIT ${limit}`,
    [...where.values, from, to],
  );
}

async function select(on: Queryable, rest: string, values: readonly SqlValue[]): Promise<AuditEntry[]> {
  const rows = await ask<Row>(
    on,
    `SELECT idx::text AS idx, leaf, late, body FROM talosgate.audit_log AS log WHERE ${rest}`,
    values,
  );
  return rows.map(row => {
    const { bootId, wseq, time, record } = decodeBody(row.body.toString('utf8'));
    const leaf = row.leaf.toString('hex');
    return { index: row.idx, bootId, writerSequence: wseq, time, leaf, late: row.late, record };
  });
}

function orderBy(order: Range['order']): string {
  return `ORDER BY log.idx${order === 'newest-first' ? ' DESC' : ''}`;
}

interface Question {
  readonly where: Where;
  readonly clauses: readonly Clause[];
}

/** Segments looked at in the first step; each step takes twice as many, up to `mostAtOnce`. */
const fewAtOnce = 8;
const mostAtOnce = 256;

async function inSegments(on: Queryable, filter: AuditFilter, question: Question, range: Range): Promise<AuditEntry[]> {
  const segments = await segmentsOf(on, filter, range);
  const found: AuditEntry[] = [];
  for (let at = 0, step = fewAtOnce; at < segments.length; at += step, step = Math.min(step * 2, mostAtOnce)) {
    const some = segments.slice(at, at + step);
    const left = { ...range, limit: range.limit - found.length };
    if (question.clauses.length === 0) found.push(...(await inRuns(on, question.where, some, left)));
    else found.push(...(await inLists(on, question, some, left)));
    if (found.length >= range.limit) break;
  }
  return found;
}

/** Segments of the range that have records of the filter's time, in the order of reading. */
async function segmentsOf(on: Queryable, filter: AuditFilter, range: Range): Promise<number[]> {
  const rows = await ask<{ segment: number }>(
    on,
    `SELECT segment FROM talosgate.audit_segment WHERE segment BETWEEN $1 AND $2
       AND ($3::timestamptz IS NULL OR last_ts >= $3) AND ($4::timestamptz IS NULL OR first_ts < $4)
     ORDER BY segment${range.order === 'newest-first' ? ' DESC' : ''}`,
    [
      Math.floor(range.from / segmentWidth),
      Math.floor((range.to - 1) / segmentWidth),
      filter.since === undefined ? null : new Date(filter.since),
      filter.until === undefined ? null : new Date(filter.until),
    ],
  );
  return rows.map(row => row.segment);
}

/** Without a clause, all records of a segment are candidates. Segments that follow each other are read as one. */
async function inRuns(on: Queryable, where: Where, segments: readonly number[], range: Range): Promise<AuditEntry[]> {
  const found: AuditEntry[] = [];
  for (const [first, last] of runs(segments)) {
    const [low, high] = first < last ? [first, last] : [last, first];
    const part = {
      ...range,
      from: Math.max(range.from, low * segmentWidth),
      to: Math.min(range.to, (high + 1) * segmentWidth),
      limit: range.limit - found.length,
    };
    found.push(...(await between(on, where, part)));
    if (found.length >= range.limit) break;
  }
  return found;
}

function runs(segments: readonly number[]): [number, number][] {
  const out: [number, number][] = [];
  for (const segment of segments) {
    const last = out.at(-1);
    if (last !== undefined && Math.abs(segment - last[1]) === 1) last[1] = segment;
    else out.push([segment, segment]);
  }
  return out;
}

/** Candidates are fetched so many at a time, because time can still rule some out. */
const candidatesAtOnce = 1_000;

async function inLists(
  on: Queryable,
  { where, clauses }: Question,
  segments: readonly number[],
  range: Range,
): Promise<AuditEntry[]> {
  const lists = await readLists(on, clauses, segments);
  const found: AuditEntry[] = [];
  const n = where.values.length;
  for (const segment of segments) {
    const bits = lists.get(segment);
    if (bits === undefined) continue;
    const inside = indexesOf(bits, segment * segmentWidth).filter(index => index >= range.from && index < range.to);
    const candidates = range.order === 'newest-first' ? inside.reverse() : inside;
    for (let at = 0; at < candidates.length && found.length < range.limit; at += candidatesAtOnce) {
      const entries = await select(
        on,
        `${where.text} AND log.idx = ANY ($${n + 1}::bigint[]) ${orderBy(range.order)} LIMIT ${range.limit - found.length}`,
        [...where.values, candidates.slice(at, at + candidatesAtOnce)],
      );
      found.push(...entries);
    }
    if (found.length >= range.limit) break;
  }
  return found;
}
