import { openSession } from '../../../src/db/connection.ts';
import { openPostgresSource } from '../../../src/seal/verify/postgres-source.ts';
import { verifyLog } from '../../../src/seal/verify/verify-log.ts';
import type { TrustPolicy } from '../../../src/tlog/policy.ts';
import { randomChange, readStanding, removeGuards } from '../../support/tamper.ts';

export interface TamperResult {
  readonly changes: number;
  /** Changes that were not found, or for which another record than the right one was named first. */
  readonly wrong: readonly string[];
  readonly milliseconds: number;
}

/** Makes changes as a superuser, one at a time on the same log, and verifies after each. `seed` gives the same changes again. */
export async function tamperAndVerify(
  adminUrl: string,
  policy: TrustPolicy,
  count: number,
  seed: number,
): Promise<TamperResult> {
  const session = await openSession({ url: adminUrl, queryTimeoutMs: 60_000 });
  const started = Date.now();
  const wrong: string[] = [];
  const pick = generator(seed);
  try {
    await removeGuards(session);
    const standing = await readStanding(session);
    for (let at = 0; at < count; at++) {
      const change = randomChange(standing, pick);
      await session.query('BEGIN');
      for (const statement of change.statements) await session.query(statement);
      const report = await verifyLog(await openPostgresSource(session), { policy, now: Date.now() });
      await session.query('ROLLBACK');
      const [first] = report.findings;
      if (report.exitCode === 0 || first?.index !== change.index) {
        wrong.push(
          `${change.what}: expected ${change.index}, named ${first?.index ?? 'none'} (${first?.text ?? 'well'})`,
        );
      }
    }
  } finally {
    await session.close();
  }
  return { changes: count, wrong, milliseconds: Date.now() - started };
}

/** Mulberry32: small, and the same everywhere. */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return below => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}
