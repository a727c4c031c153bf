// Short form of test/soak/postgres-kills.soak.ts.
import { expect, test } from 'vitest';
import { killPostgres } from '../../support/postgres-kills.ts';

test('append keeps what it acknowledged when Postgres is stopped or killed under load, and comes back by itself', async () => {
  const figures = await killPostgres(['SIGQUIT', 'SIGINT', 'SIGKILL']);
  expect(figures).toMatchObject({ missing: 0, doubled: 0, gaps: 0, counterGaps: 0, badLeaves: 0, open: 0 });
  expect(figures.acknowledged).toBeGreaterThan(60);
  expect(figures.longestReturnMs).toBeLessThan(10_000);
}, 90_000);
