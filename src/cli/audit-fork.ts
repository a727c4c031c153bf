import { hostname } from 'node:os';
import type { Command } from 'commander';
import { openAuditLog } from '../audit/log.ts';
import { GateError } from '../core/gate-error.ts';
import { openSession } from '../db/connection.ts';
import type { CliContext } from './context.ts';
import { requireConfig } from './load.ts';

interface ForkOptions {
  readonly config: string;
  readonly to: string;
  readonly reason: string;
  readonly adminUrlEnv: string;
}

/**
 * `talosgate audit fork`: says in the log itself that it is not what was signed before, and under which name it goes on. For
 * whoever owns the database; every gateway goes on only when its own configuration names the new origin too.
 */
export function auditForkCommand(parent: Command, context: CliContext): void {
  const audit = parent.commands.find(command => command.name() === 'audit') ?? parent.command('audit');
  audit
    .command('fork')
    .description('record that the log was set back or changed, and open a new origin for it')
    .requiredOption('--to <origin>', 'the new origin')
    .requiredOption('--reason <text>', 'what happened, for auditors')
    .option('-c, --config <file>', 'configuration file', 'talosgate.yaml')
    .option('--admin-url-env <name>', 'environment variable with the URL of an administrator', 'TALOSGATE_ADMIN_URL')
    .action(async (options: ForkOptions) => {
      const record = await fork(options, context);
      context.output.out(
        `record ${record} says why; now set sealing.origin to ${options.to} on every replica and restart it,`,
      );
      context.output.out('and give witnesses and auditors the verifier key of the new origin');
    });
}

async function fork(options: ForkOptions, context: CliContext): Promise<number> {
  const { database } = await requireConfig(options.config, context);
  const adminUrl = context.env[options.adminUrlEnv] ?? database.admin_url;
  if (adminUrl === undefined || adminUrl === '') {
    throw new GateError('bad-config', `set ${options.adminUrlEnv} to the postgres:// URL of an administrator`);
  }
  const admin = await openSession({ url: adminUrl, applicationName: 'talosgate audit fork' });
  try {
    const [current] = await admin.query<{ origin: string; size: number | null }>(
      `SELECT o.origin, (SELECT max(size) FROM talosgate.audit_checkpoint AS c WHERE c.origin = o.origin) AS size
       FROM talosgate.audit_origin AS o WHERE NOT EXISTS (SELECT FROM talosgate.audit_origin AS n WHERE n.follows = o.origin)`,
    );
    if (current === undefined)
      throw new GateError('conflict', 'the log was never sealed, so there is nothing to fork from');
    if (current.origin === options.to) throw new GateError('conflict', `the log is sealed as ${options.to} already`);
    const details = { from: current.origin, to: options.to, reason: options.reason, sealed: String(current.size ?? 0) };
    const index = await record(database.url, details, context);
    await admin.query('SET ROLE talosgate_owner');
    await admin.query('SELECT talosgate.audit_open_origin($1, $2, $3, $4)', [
      options.to,
      current.origin,
      options.reason,
      index,
    ]);
    return index;
  } finally {
    await admin.close();
  }
}

/** Writes the record before anything is changed, and gives its index. */
async function record(url: string, details: Readonly<Record<string, string>>, { clock }: CliContext): Promise<number> {
  let index = -1;
  const log = await openAuditLog({
    connection: { url },
    replica: `${hostname()} (audit fork)`,
    clock,
    onDurable: ({ firstIndex, leaves }) => {
      index = firstIndex + leaves.length / 32 - 1;
    },
  });
  try {
    await log.append([{ kind: 'audit.fork', details }]);
    return index;
  } finally {
    await log.close();
  }
}
