#!/usr/bin/env node
import { systemClock } from '../core/clock.ts';
import { GateError } from '../core/gate-error.ts';
import { processOutput } from './output.ts';
import { createProgram } from './program.ts';

// The only file that looks at the process: everything below gets its environment, output and clock handed in.
// Whoever reads the output may have seen enough (`| head`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
try {
  await createProgram({ output: processOutput, env: process.env, clock: systemClock }).parseAsync(process.argv);
} catch (thrown) {
  const error = GateError.from(thrown);
  processOutput.error(`talosgate: ${error.message}`);
  if (error.code === 'internal') processOutput.error(thrown instanceof Error ? (thrown.stack ?? '') : String(thrown));
  process.exitCode = 1;
}
