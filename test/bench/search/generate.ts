import { createCatalog } from '../../../src/catalog/catalog.ts';
import { openSession, type Session } from '../../../src/db/connection.ts';

/** Records that one statement makes: a level-1 tile of the tree. */
const batch = 65_536;

/**
 * Fills the log up to so many records such as a busy fleet leaves: pairs of intent and outcome, one call in twelve
 * refused, 240 people and machines, 300 nodes of three clusters, every method of the catalog, some of each far more often
 * than others, over 90 days. Written past the append function, by an administrator; bodies and leaves are real all the
 * same. Goes on where an earlier run stopped.
 */
export async function generateLog(
  adminUrl: string,
  records: number,
  onProgress: (done: number) => void,
): Promise<void> {
  const session = await openSession({ url: adminUrl, queryTimeoutMs: 900_000 });
  try {
    await prepare(session);
    for (let at = await size(session); at < records; at = await size(session)) {
      const count = Math.min(batch, records - at);
      await session.query(fill, [at, count, records]);
      await session.query('UPDATE talosgate.audit_head SET size = size + $1', [count]);
      await session.query('SELECT talosgate.audit_partitions_extend()');
      onProgress(at + count);
    }
    await session.query('VACUUM ANALYZE talosgate.audit_entry');
  } finally {
    await session.close();
  }
}

async function size(session: Session): Promise<number> {
  const [row] = await session.query<{ size: number }>('SELECT size FROM talosgate.audit_head');
  return row?.size ?? 0;
}

async function prepare(session: Session): Promise<void> {
  await session.query(
    'CREATE TABLE IF NOT EXISTS public.bench_method (n integer PRIMARY KEY, method text, action text, risk text)',
  );
  const methods = createCatalog().methods;
  await session.query(
    `INSERT INTO public.bench_method SELECT n - 1, m, a, r FROM unnest($1::text[], $2::text[], $3::text[])
       WITH ORDINALITY AS t (m, a, r, n) ON CONFLICT DO NOTHING`,
    [methods.map(one => one.path), methods.map(one => one.action), methods.map(one => one.risk)],
  );
}

const fill = `
  WITH pair AS MATERIALIZED (
    SELECT $1::bigint + 2 * p AS base, gen_random_uuid()::text AS call, floor(power(random(), 3) * 240)::int AS who,
      floor(power(random(), 2) * 300)::int AS node, floor(power(random(), 3) * 81)::int AS method,
      floor(power(random(), 3) * 400)::int AS peer, floor(power(random(), 2) * 2000)::int AS thing, random() AS luck,
      floor(power(random(), 4) * 60)::int AS rule, (1000 + random() * 200000)::int AS us,
      now() - interval '90 days' + interval '90 days' * (($1::float8 + 2 * p) / $3::float8) AS ts
    FROM generate_series(0, $2::int / 2 - 1) AS p
  ), record AS (
    SELECT base + half AS idx, half, call, ts + half * interval '40 milliseconds' AS ts, luck, us, thing,
      CASE WHEN who < 40 THEN 'machine:ci-' || who ELSE 'person-' || who || '@example.com' END AS principal,
      CASE WHEN who < 40 THEN 'machine' ELSE 'person' END AS principal_kind,
      jsonb_build_array('team-' || who % 12, CASE WHEN who % 3 = 0 THEN 'operators' ELSE 'viewers' END) AS groups,
      '10.' || peer % 4 || '.' || peer / 40 || '.' || peer % 250 AS peer, m.method, m.action, m.risk,
      m.action || '/thing-' || thing AS resource, (ARRAY['prod', 'stage', 'lab'])[node % 3 + 1] AS cluster,
      'node-' || lpad(node::text, 3, '0') AS node,
      CASE WHEN half = 1 THEN 'call.outcome' WHEN luck < 0.08 THEN 'call.deny' ELSE 'call.intent' END AS kind,
      'policies/policy.csv:' || rule AS rule,
      CASE WHEN half = 0 THEN CASE WHEN luck < 0.08 THEN 7 END WHEN luck > 0.97 THEN 14 WHEN luck > 0.95 THEN 4 ELSE 0 END AS code
    FROM pair JOIN public.bench_method AS m ON m.n = pair.method CROSS JOIN generate_series(0, 1) AS half
  ), body AS (
    SELECT *, convert_to(jsonb_strip_nulls(jsonb_build_object('action', action, 'bootId', '00000000-0000-7000-8000-000000000001',
      'callId', call, 'cluster', cluster, 'decision', CASE kind WHEN 'call.intent' THEN 'allow' WHEN 'call.deny' THEN 'deny' END,
      'groups', CASE WHEN half = 0 THEN groups END, 'grpcCode', code::text, 'kind', kind, 'leg', '0', 'method', method, 'mono', idx::text,
      'node', node, 'peerAddress', CASE WHEN half = 0 THEN peer END, 'principal', principal, 'resource', resource, 'risk', risk,
      'time', to_char(ts AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'v', '1', 'wseq', (idx + 1)::text))::text, 'UTF8') AS body
    FROM record
  )
  INSERT INTO talosgate.audit_entry (idx, kind, boot_id, wseq, call_id, leg, approval_id, gw_ts, mono_us, principal, principal_kind,
    groups, peer_address, peer_port, user_agent, method, action, risk, resource, cluster, node, decision, reason, rule,
    policy_revision, request_digest, request, grpc_code, end_cause, duration_us, schema_version, late, leaf, body)
  SELECT idx, kind, '00000000-0000-7000-8000-000000000001', idx + 1, call, 0, CASE WHEN luck > 0.999 THEN 'dbg-' || left(call, 5) END,
    date_trunc('milliseconds', ts), idx, principal, CASE WHEN half = 0 THEN principal_kind END, CASE WHEN half = 0 THEN groups END,
    CASE WHEN half = 0 THEN peer END, CASE WHEN half = 0 THEN 40000 END, CASE WHEN half = 0 THEN 'grpc-go/1.76.0' END, method, action,
    risk, resource, cluster, node, CASE kind WHEN 'call.intent' THEN 'allow' WHEN 'call.deny' THEN 'deny' END,
    CASE kind WHEN 'call.deny' THEN 'no-rule' END, CASE WHEN half = 0 THEN rule END, CASE WHEN half = 0 THEN repeat('c0ffee12', 8) END,
    CASE WHEN half = 0 THEN 'k1:' || md5(thing::text) || md5(method) END, CASE WHEN half = 0 THEN '{"dry_run":false}'::jsonb END,
    code, CASE WHEN half = 1 THEN CASE WHEN code = 14 THEN 'upstream-lost' WHEN code = 4 THEN 'deadline' ELSE 'server' END END,
    CASE WHEN half = 1 THEN us END, 1, false, sha256('\\x00'::bytea || body), body
  FROM body ORDER BY idx`;
