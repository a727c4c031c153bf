import { type Config, loadConfig } from '../config/load.ts';
import { formatProblem } from '../config/problem.ts';
import { GateError } from '../core/gate-error.ts';
import type { CliContext } from './context.ts';

/** Loads a configuration or throws GateError `bad-config` whose message lists every mistake with its place and remedy. */
export async function requireConfig(path: string, context: CliContext): Promise<Config> {
  const load = await loadConfig({ path, env: context.env, clock: context.clock });
  if (!load.ok) {
    throw new GateError(
      'bad-config',
      `the configuration cannot be used\n${load.problems.map(formatProblem).join('\n')}`,
    );
  }
  for (const warning of load.warnings) context.output.error(formatProblem(warning));
  return load.config;
}
