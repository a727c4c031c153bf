import { defineConfig } from 'vitest/config';

// The long runs behind the promises: random kills, outages, changes and sizes at their full count. `npm test` holds a
// shortened form of each; `npm run soak` holds them whole, one file after the other, and takes its time.
export default defineConfig({
  test: {
    name: 'soak',
    reporters: ['default', './test/support/totals-reporter.ts'],
    include: ['test/soak/**/*.soak.ts'],
    globalSetup: ['test/support/global-postgres.ts'],
    fileParallelism: false,
    testTimeout: 3_600_000,
    hookTimeout: 300_000,
  },
});
