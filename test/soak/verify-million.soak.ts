import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSession, type Session } from '../../src/db/connection.ts';
import { openPostgresSource } from '../../src/seal/verify/postgres-source.ts';
import { verifyLog } from '../../src/seal/verify/verify-log.ts';
import { policyOf, type TrustPolicy } from '../../src/tlog/policy.ts';
import { eventually, sql } from '../integration/audit/support.ts';
import { createSealedWorld, type SealedWorld } from '../integration/seal/support.ts';

const count = Number(process.env['RECORDS'] ?? 1_000_000);
const limitSeconds = 60;
let world: SealedWorld;
let policy: TrustPolicy;
let reader: Session;

beforeAll(async () => {
  world = await createSealedWorld();
  const { url, signer } = await world.witness();
  policy = policyOf([world.log.verifier], [signer.verifier]);
  const admin = await openSession({ url: world.database.adminUrl, queryTimeoutMs: 1_200_000 });
  for (let from = 0; from < count; from += 50_000) await admin.query(fill(from, Math.min(count, from + 50_000)));
  await admin.query(`UPDATE talosgate.audit_head SET size = ${count}`);
  await admin.query('ANALYZE talosgate.audit_entry');
  await admin.close();
  const sealing = await world.seal({
    witnesses: [{ url, key: signer.verifier.vkey }],
    everyMs: 50,
    witnessEveryMs: 500,
  });
  await eventually(() => sealing.health().size >= count, 900_000);
  await eventually(() => (sealing.health().witnesses[0]?.size ?? 0) >= count, 60_000);
  await sealing.close();
  reader = await openSession({ url: world.database.readerUrl, queryTimeoutMs: 60_000 });
}, 2_400_000);
afterAll(async () => {
  await reader.close();
  await world.close();
});

test(`${count} records are verified within ${limitSeconds} s`, async () => {
  const started = performance.now();
  const cpuBefore = process.cpuUsage();
  const report = await verifyLog(await openPostgresSource(reader), { policy, now: Date.now(), maxAgeMs: 86_400_000 });
  const seconds = (performance.now() - started) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  const [body] = await sql<{ bytes: number }>(
    world.database.readerUrl,
    'SELECT avg(length(body))::integer AS bytes FROM talosgate.audit_log WHERE idx < 1000',
  );
  process.stdout.write(
    `${report.records} records of ${body?.bytes ?? 0} bytes, ${report.checkpoints} checkpoints: ${seconds.toFixed(1)} s, ` +
      `${Math.round(report.records / seconds)} records/s, ${((cpu.user + cpu.system) / 1e6).toFixed(1)} s of CPU here, ${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB\n`,
  );
  expect(report.findings).toEqual([]);
  expect(report).toMatchObject({ exitCode: 0, records: count, sealed: count, anchored: { size: count } });
  expect(seconds).toBeLessThan(limitSeconds);
}, 600_000);

/** Calls as they really look, intent and outcome, all of one boot, made by the database itself. */
function fill(from: number, to: number): string {
  const boot = '0199d0c2-0000-7000-8000-000000000001';
  return `
    INSERT INTO talosgate.audit_entry (idx, kind, boot_id, wseq, call_id, leg, gw_ts, mono_us, principal, principal_kind,
      groups, proofs, peer_address, peer_port, user_agent, method, action, risk, resource, cluster, node, decision, rule,
      policy_revision, request_digest, request, grpc_code, end_cause, response_bytes, duration_us, schema_version, late, leaf, body)
    SELECT idx, doc->>'kind', (doc->>'bootId')::uuid, (doc->>'wseq')::bigint, doc->>'callId', (doc->>'leg')::integer,
      (doc->>'time')::timestamptz, (doc->>'mono')::bigint, doc->>'principal', doc->>'principalKind', doc->'groups', doc->'proofs',
      doc->>'peerAddress', (doc->>'peerPort')::integer, doc->>'userAgent', doc->>'method', doc->>'action', doc->>'risk',
      doc->>'resource', doc->>'cluster', doc->>'node', doc->>'decision', doc->>'rule', doc->>'policyRevision',
      doc->>'requestDigest', doc->'request', (doc->>'grpcCode')::integer, doc->>'endCause', (doc->>'responseBytes')::bigint,
      (doc->>'durationUs')::bigint, 1, false, sha256('\\x00'::bytea || convert_to(body, 'UTF8')), convert_to(body, 'UTF8')
    FROM (SELECT idx, body, body::jsonb AS doc FROM (SELECT idx, CASE
      WHEN idx = 0 THEN format('{"bootId":"${boot}","kind":"boot.open","mono":"0","time":"%s","v":"1","wseq":"1"}', at)
      WHEN idx % 2 = 1 THEN format('{"action":"logs.read","bootId":"${boot}","callId":"0199d0c2-0000-7000-8000-%s","cluster":"production","decision":"allow","groups":["platform","oncall"],"kind":"call.intent","leg":"0","method":"/machine.MachineService/Logs","mono":"%s","node":"worker-%s","peerAddress":"192.0.2.17","peerPort":"50123","policyRevision":"0b6f6fbd3b0f4c2a","principal":"alice@example.com","principalKind":"person","proofs":[{"fingerprint":"%s","kind":"mtls","serial":"4711"}],"request":{"id":"kubelet","namespace":"system"},"requestDigest":"%s","resource":"system/kubelet","risk":"read","rule":"policies/policy.csv:12","time":"%s","userAgent":"grpc-go/1.60","v":"1","wseq":"%s"}',
        lpad(to_hex((idx + 1) / 2), 12, '0'), idx, idx % 200, encode(sha256('k'), 'hex'), encode(sha256(idx::text::bytea), 'hex'), at, idx + 1)
      ELSE format('{"action":"logs.read","bootId":"${boot}","callId":"0199d0c2-0000-7000-8000-%s","cluster":"production","durationUs":"1234","endCause":"server","grpcCode":"0","kind":"call.outcome","leg":"0","method":"/machine.MachineService/Logs","mono":"%s","node":"worker-%s","principal":"alice@example.com","responseBytes":"4096","risk":"read","time":"%s","v":"1","wseq":"%s"}',
        lpad(to_hex(idx / 2), 12, '0'), idx, (idx - 1) % 200, at, idx + 1) END AS body
      FROM (SELECT idx, to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at
        FROM generate_series(${from}::bigint, ${to - 1}::bigint) AS idx) AS n) AS b) AS d`;
}
