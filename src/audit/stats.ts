import type { AuditCount, AuditStats } from '../core/audit-entry.ts';
import type { Queryable } from '../db/query.ts';
import { ask } from './ask.ts';
import { segmentWidth } from './terms.ts';

const fields = ['who', 'action', 'decision', 'node', 'outcome'] as const;

/** The counts of whole segments are made with the search lists; only the segments at the ends of the time are looked into. */
const wholeSegments = `
  SELECT field, value, sum(n)::float8 AS n FROM talosgate.audit_count WHERE segment IN (
    SELECT segment FROM talosgate.audit_segment WHERE first_ts >= $1 AND last_ts < $2)
  GROUP BY field, value`;

const partSegments = `
  SELECT segment FROM talosgate.audit_segment
  WHERE last_ts >= $1 AND first_ts < $2 AND NOT (first_ts >= $1 AND last_ts < $2) ORDER BY segment`;

const oneByOne = `
  SELECT field, value, count(*)::float8 AS n FROM talosgate.audit_log AS log, LATERAL (
    SELECT field, value FROM (VALUES ('who', principal), ('action', action), ('node', node), ('decision', decision)) AS v (field, value)
      WHERE kind IN ('call.intent', 'call.deny')
    UNION ALL SELECT 'outcome', CASE kind WHEN 'call.unknown' THEN 'unknown' ELSE coalesce(grpc_code::text, 'unknown') END
      WHERE kind IN ('call.outcome', 'call.unknown') AND NOT late) AS v
  WHERE gw_ts >= $1 AND gw_ts < $2 AND idx >= $3 AND ($4::bigint IS NULL OR idx < $4) AND value IS NOT NULL GROUP BY 1, 2`;

interface Row {
  readonly field: string;
  readonly value: string;
  readonly n: number;
}

/** See AuditReader.stats. */
export async function countCalls(on: Queryable, since: number, until: number, top: number): Promise<AuditStats> {
  const time = [new Date(since), new Date(until)];
  const rows = await ask<Row>(on, wholeSegments, time);
  for (const { segment } of await ask<{ segment: number }>(on, partSegments, time)) {
    rows.push(...(await ask<Row>(on, oneByOne, [...time, segment * segmentWidth, (segment + 1) * segmentWidth])));
  }
  const [end] = await ask<{ listed: number }>(
    on,
    `SELECT coalesce(max(segment) + 1, 0)::float8 * ${segmentWidth} AS listed FROM talosgate.audit_segment`,
    [],
  );
  rows.push(...(await ask<Row>(on, oneByOne, [...time, end?.listed ?? 0, null])));
  const sums = new Map<string, Map<string, number>>(fields.map(field => [field, new Map()]));
  for (const { field, value, n } of rows) {
    const counts = sums.get(field);
    counts?.set(value, (counts.get(value) ?? 0) + n);
  }
  const most = (field: (typeof fields)[number]): AuditCount[] => mostFrequent(sums.get(field) ?? new Map(), top);
  const calls = [...(sums.get('decision')?.values() ?? [])].reduce((sum, n) => sum + n, 0);
  return {
    calls,
    who: most('who'),
    action: most('action'),
    decision: most('decision'),
    node: most('node'),
    outcome: most('outcome'),
  };
}

function mostFrequent(counts: ReadonlyMap<string, number>, top: number): AuditCount[] {
  return [...counts]
    .map(([value, count]) => ({ value, count }))
    .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
    .slice(0, top);
}
