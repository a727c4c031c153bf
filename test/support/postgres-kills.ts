// Postgres that is stopped or killed while the log is written, and what is left of what was acknowledged.
import { randomInt, randomUUID } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { openAuditLog } from '../../src/audit/log.ts';
import { openSession } from '../../src/db/connection.ts';
import { type EmbeddedPostgres, startEmbedded } from '../../src/db/embedded.ts';
import { ensureLogins } from '../../src/db/logins.ts';
import { migrate } from '../../src/db/migrate.ts';
import { until } from './until.ts';

/** SIGQUIT: immediate. SIGINT: fast. SIGKILL hits the postmaster only; its children see that and leave. */
export type HowKilled = 'SIGQUIT' | 'SIGINT' | 'SIGKILL';

export interface PostgresKillFigures {
  readonly kills: number;
  /** Calls whose intent was acknowledged; of those the ones that are missing, or there more than once. */
  readonly acknowledged: number;
  readonly missing: number;
  readonly doubled: number;
  readonly records: number;
  readonly gaps: number;
  readonly counterGaps: number;
  readonly badLeaves: number;
  readonly open: number;
  /** Longest time from Postgres accepting connections to twenty more acknowledged records, milliseconds. */
  readonly longestReturnMs: number;
}

/** Kills a server of its own in these ways, one after the other, with 16 callers at the log. */
export async function killPostgres(ways: readonly HowKilled[]): Promise<PostgresKillFigures> {
  const folder = await mkdtemp('/var/tmp/talosgate-test-');
  await chmod(folder, 0o711);
  const dataDir = `${folder}/data`;
  let postgres: EmbeddedPostgres = await startEmbedded({ dataDir });
  try {
    const log = await openAuditLog({
      connection: { url: await prepare(postgres) },
      replica: 'test',
      drainMs: 10_000,
    });
    const acknowledged: string[] = [];
    let running = true;
    const caller = async (): Promise<void> => {
      while (running) {
        const callId = randomUUID();
        try {
          await log.append([{ kind: 'call.intent', callId, leg: 0, principal: 'alice@example.com', node: 'node-1' }]);
          acknowledged.push(callId);
          void log.enqueue({ kind: 'call.outcome', callId, leg: 0, grpcCode: 0 }, { patient: true });
        } catch {
          await sleep(20);
        }
      }
    };
    const callers = Array.from({ length: 16 }, caller);
    let longestReturnMs = 0;
    for (const how of ways) {
      await sleep(randomInt(100, 500));
      process.kill(postgres.pid, how);
      await until(() => !log.health().ok, undefined, 20_000);
      postgres = await startEmbedded({ dataDir, port: postgres.port });
      const [before, accepting] = [acknowledged.length, performance.now()];
      await until(() => log.health().ok && acknowledged.length > before + 20, undefined, 20_000);
      longestReturnMs = Math.max(longestReturnMs, performance.now() - accepting);
    }
    running = false;
    await Promise.all(callers);
    await log.close();
    return { kills: ways.length, longestReturnMs, ...(await count(postgres.adminUrl, acknowledged)) };
  } finally {
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Gives the URL of the gateway's login. */
async function prepare({ adminUrl }: EmbeddedPostgres): Promise<string> {
  await migrate(adminUrl);
  const login = (user: string) => ({ user, password: user });
  await ensureLogins(adminUrl, { writer: login('gate'), reader: login('look') });
  const url = new URL(adminUrl);
  url.username = 'gate';
  url.password = 'gate';
  return url.href;
}

async function count(
  adminUrl: string,
  acknowledged: readonly string[],
): Promise<Omit<PostgresKillFigures, 'kills' | 'longestReturnMs'>> {
  const session = await openSession({ url: adminUrl, queryTimeoutMs: 60_000 });
  try {
    const [log] = await session.query<Omit<PostgresKillFigures, 'kills' | 'longestReturnMs'>>(
      `SELECT count(*) AS records, coalesce(max(idx) + 1, 0) - count(*) AS gaps,
         (SELECT coalesce(sum(newest - n), 0)::bigint FROM (SELECT max(wseq) AS newest, count(DISTINCT wseq) AS n
           FROM talosgate.audit_entry GROUP BY boot_id) AS boots) AS "counterGaps",
         count(*) FILTER (WHERE leaf <> sha256('\\x00'::bytea || body)) AS "badLeaves",
         (SELECT count(*) FROM talosgate.audit_open) AS open
       FROM talosgate.audit_entry`,
    );
    const [calls] = await session.query<{ missing: number; doubled: number }>(
      `SELECT count(*) FILTER (WHERE n = 0) AS missing, count(*) FILTER (WHERE n > 1) AS doubled
       FROM unnest($1::text[]) AS call (id),
         LATERAL (SELECT count(*) AS n FROM talosgate.audit_entry WHERE call_id = call.id AND kind = 'call.intent') AS found`,
      [acknowledged],
    );
    if (log === undefined || calls === undefined) throw new Error('no counts');
    return { ...log, ...calls, acknowledged: acknowledged.length };
  } finally {
    await session.close();
  }
}
