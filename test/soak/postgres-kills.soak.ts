// Postgres killed 20 times under load, with no chance to say goodbye.
import { expect, test } from 'vitest';
import { killPostgres } from '../support/postgres-kills.ts';

test('nothing acknowledged is lost, indexes are contiguous, and the log is back within 5 s of Postgres', async () => {
  const figures = await killPostgres(Array.from({ length: 20 }, () => 'SIGQUIT' as const));
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  expect(figures).toMatchObject({ kills: 20, missing: 0, doubled: 0, gaps: 0, counterGaps: 0, badLeaves: 0, open: 0 });
  expect(figures.acknowledged).toBeGreaterThan(1_000);
  expect(figures.longestReturnMs).toBeLessThan(5_000);
});
