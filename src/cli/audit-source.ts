import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { GateError } from '../core/gate-error.ts';
import { openSession } from '../db/connection.ts';
import { openFileSource } from '../seal/verify/file-source.ts';
import { openFileTree } from '../seal/verify/files.ts';
import { openPostgresSource } from '../seal/verify/postgres-source.ts';
import type { LogSource } from '../seal/verify/source.ts';
import { parseVerifier } from '../tlog/note.ts';
import { parsePolicy, policyOf, type TrustPolicy } from '../tlog/policy.ts';
import type { CliContext } from './context.ts';
import { requireConfig } from './load.ts';

export interface SourceOptions {
  readonly config?: string;
  readonly databaseUrlEnv?: string;
  readonly bundle?: string;
  readonly tiles?: string;
}

/** Options that say where the log is read from. */
export function withSource(command: Command): Command {
  return command
    .option('-c, --config <file>', 'configuration of a gateway: read Postgres with its database.reader_url')
    .option(
      '--database-url-env <name>',
      'environment variable with the postgres:// URL of a login that may read the log',
    )
    .option('--bundle <path>', 'folder or tar archive of an exported bundle')
    .option('--tiles <folder>', 'folder of static tiles with entry bundles (C2SP tlog-tiles)');
}

/** Opens what the options name; close it. */
export async function openSource(
  options: SourceOptions,
  context: CliContext,
): Promise<{ readonly source: LogSource; readonly close: () => Promise<void> }> {
  const path = options.bundle ?? options.tiles;
  if (path !== undefined) {
    return await said(async () => {
      const files = await openFileTree(path);
      try {
        return { source: await openFileSource(files), close: () => files.close() };
      } catch (cause) {
        await files.close();
        throw cause;
      }
    });
  }
  const session = await openSession({
    url: await databaseUrl(options, context),
    applicationName: 'talosgate audit verify',
    queryTimeoutMs: 60_000,
  });
  return { source: await openPostgresSource(session), close: () => session.close() };
}

async function databaseUrl(options: SourceOptions, context: CliContext): Promise<string> {
  if (options.databaseUrlEnv !== undefined) {
    const url = context.env[options.databaseUrlEnv];
    if (url === undefined || url === '') throw new GateError('bad-config', `${options.databaseUrlEnv} is not set`);
    return url;
  }
  if (options.config !== undefined) return (await requireConfig(options.config, context)).database.reader_url;
  throw new GateError('bad-config', 'say where the log is: --config, --database-url-env, --bundle or --tiles');
}

export interface TrustOptions {
  readonly policy?: string;
  readonly key?: readonly string[];
  readonly witness?: readonly string[];
}

/** Options that say whom to believe. */
export function withTrust(command: Command): Command {
  return command
    .option('--policy <file>', 'trust policy: logs, witnesses, quorum (C2SP tlog-policy)')
    .option('--key <vkey...>', 'verifier key of the log, instead of a policy')
    .option('--witness <vkey...>', 'verifier keys of witnesses; all of them must have cosigned');
}

export async function readTrust(options: TrustOptions): Promise<TrustPolicy> {
  return await said(async () => {
    if (options.policy !== undefined) return parsePolicy(await readFile(options.policy, 'utf8'));
    return policyOf((options.key ?? []).map(parseVerifier), (options.witness ?? []).map(parseVerifier));
  });
}

/** Turns what went wrong with somebody's files into words for them. */
export async function said<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof GateError) throw cause;
    throw new GateError('bad-config', cause instanceof Error ? cause.message : 'it cannot be read', { cause });
  }
}
