import type { Command } from 'commander';
import { GateError } from '../core/gate-error.ts';
import { ensureLogins, type Login } from '../db/logins.ts';
import { migrate } from '../db/migrate.ts';
import { type CliContext, migrationsFolder } from './context.ts';
import { requireConfig } from './load.ts';
import { readText } from './read-file.ts';

/** `talosgate migrate`: brings the schema up to date and gives the logins of the configuration their rights. */
export function migrateCommand(parent: Command, context: CliContext): void {
  parent
    .command('migrate')
    .description('create or update the database schema, and the logins that the configuration names')
    .option('-c, --config <file>', 'configuration file', 'talosgate.yaml')
    .option(
      '--admin-url-env <name>',
      'environment variable with the postgres:// URL of an administrator',
      'TALOSGATE_ADMIN_URL',
    )
    .option('--admin-url-file <file>', 'file with that URL, instead of the environment')
    .option(
      '--retention-url-file <file>',
      'file with the URL of a login to make for "audit prune run"; not for the gateway',
    )
    .action(
      async (options: { config: string; adminUrlEnv: string; adminUrlFile?: string; retentionUrlFile?: string }) => {
        const { database } = await requireConfig(options.config, context);
        const adminUrl =
          options.adminUrlFile === undefined
            ? (context.env[options.adminUrlEnv] ?? database.admin_url)
            : readText(options.adminUrlFile).trim();
        if (adminUrl === undefined || adminUrl === '') {
          throw new GateError(
            'bad-config',
            `set ${options.adminUrlEnv} to the postgres:// URL of a login that may create roles, for the database of database.url`,
          );
        }
        const { applied, version } = await migrate(adminUrl, migrationsFolder);
        await ensureLogins(adminUrl, {
          writer: loginOf(database.url, 'database.url'),
          reader: loginOf(database.reader_url, 'database.reader_url'),
          ...(options.retentionUrlFile === undefined
            ? {}
            : { retention: loginOf(readText(options.retentionUrlFile).trim(), options.retentionUrlFile) }),
          ...(database.sealer_url === undefined ? {} : { sealer: loginOf(database.sealer_url, 'database.sealer_url') }),
        });
        for (const file of applied) context.output.out(`applied ${file}`);
        context.output.out(`schema version ${version}; the logins have their rights`);
      },
    );
}

function loginOf(url: string, key: string): Login {
  const { username, password } = new URL(url);
  if (username === '' || password === '') {
    throw new GateError(
      'bad-config',
      `${key} needs a user and a password, so that the login can be made: postgres://user:password@host/database`,
    );
  }
  return { user: decodeURIComponent(username), password: decodeURIComponent(password) };
}
