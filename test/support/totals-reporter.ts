import type { Reporter, TestModule } from 'vitest/node';

/** Prints one plain closing line, so that scripts need not parse the pretty summary above it. */
export default class TotalsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const totals = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) totals[test.result().state] += 1;
      // A file that does not even load has no tests to count, and is a failure all the same.
      if (module.state() === 'failed' && module.errors().length > 0) totals.failed += 1;
    }
    process.stdout.write(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`);
  }
}
