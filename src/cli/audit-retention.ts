import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rename } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { GateError } from '../core/gate-error.ts';
import { openSession, type Session } from '../db/connection.ts';
import { DatabaseError } from '../db/database-error.ts';
import { writeBundleFolder } from './audit-bundle.ts';
import { timeOption } from './audit-filters.ts';
import { type ClientOptions, type ClientSettings, callApi, clientSettings, downloadApi } from './client.ts';
import { withClientOptions } from './client-options.ts';
import type { CliContext } from './context.ts';
import { safeText, table } from './output.ts';
import { readText } from './read-file.ts';

type RunOptions = ClientOptions & {
  readonly out: string;
  readonly retentionUrlFile: string;
  readonly bundleOut?: string;
  readonly databaseUrlEnv?: string;
};
type Reasoned = ClientOptions & { readonly reason: string };

/** `talosgate audit hold` and `audit prune`: what is kept, and taking out what is old, with somebody else's agreement. */
export function retentionCommands(audit: Command, context: CliContext): void {
  holdCommands(audit, context);
  statusCommand(audit, context);
  const { output, env, clock } = context;
  const prune = audit
    .command('prune')
    .description('take old records out of the log, with the agreement of somebody else');
  withClientOptions(prune.command('request').description('ask for it; whole partitions before an index or a time'))
    .requiredOption('--before <index or time>', 'index, RFC 3339 time, or an age such as 400d')
    .requiredOption('-m, --reason <text>', 'why; the approver and the audit log see it')
    .action(async (options: Reasoned & { before: string }) => {
      const answer = (await callApi(clientSettings(options, env), 'POST', '/api/v1/audit/prunes', {
        before: /^\d{1,15}$/.test(options.before) ? options.before : timeOption('before', options.before, clock.now()),
        reason: options.reason,
      })) as { approval: string; state: string; first: number; minimum: number };
      output.out(`${answer.approval} is ${answer.state}: records ${answer.first} to ${answer.minimum - 1}`);
    });
  withClientOptions(prune.command('run <approval>').description('copy the records, record that they go, take them out'))
    .requiredOption('--out <file>', 'copy of the records as JSON Lines; must not exist yet')
    .requiredOption('--retention-url-file <file>', 'file with the postgres:// URL of the login that may take them out')
    .option('--bundle-out <folder>', 'also copy them as a bundle that can be verified; needs --database-url-env')
    .option(
      '--database-url-env <name>',
      'environment variable with the postgres:// URL of a login that may read the log',
    )
    .action(async (id: string, options: RunOptions) => {
      const settings = clientSettings(options, env);
      const { first, minimum } = await rangeOf(settings, id);
      if (options.bundleOut !== undefined) {
        const part = { from: first, covering: minimum };
        const { size } = await writeBundleFolder(options.bundleOut, options, part, context);
        output.out(`${options.bundleOut}: records ${first} to ${size - 1} as a bundle`);
      }
      const { digest, records } = await copyRange(settings, first, minimum, options.out);
      output.out(`${options.out}: ${records} records, SHA-256 ${digest}`);
      const path = `/api/v1/audit/prunes/${encodeURIComponent(id)}/record`;
      await callApi(settings, 'POST', path, { bundle: digest, records });
      const taken = await takeOut(readText(options.retentionUrlFile).trim(), id);
      output.out(`${taken} partitions are gone; the log begins at ${minimum}`);
    });
}

interface StatusView {
  readonly first: number;
  readonly size: number;
  readonly oldest?: string;
  readonly limitDays: number;
  readonly over: number;
  readonly minimum: number;
  readonly obstacle?: string;
  readonly ahead: number;
}

function statusCommand(audit: Command, { output, env }: CliContext): void {
  withClientOptions(audit.command('retention').description('how old the log has become, and what could be taken out'))
    .option('-o, --output <format>', 'text or json', 'text')
    .action(async (options: ClientOptions & { output: string }) => {
      const status = (await callApi(clientSettings(options, env), 'GET', '/api/v1/audit/retention')) as StatusView;
      if (options.output === 'json') output.out(JSON.stringify(status));
      else for (const line of tellStatus(status)) output.out(safeText(line));
    });
}

function tellStatus({ first, size, oldest, limitDays, over, minimum, obstacle, ahead }: StatusView): string[] {
  const next =
    minimum === first
      ? 'nothing can be taken out: no whole partition is older'
      : obstacle === undefined
        ? `to take out records ${first} to ${minimum - 1}: talosgate audit prune request --before ${minimum} -m REASON`
        : `records ${first} to ${minimum - 1} are older, but ${obstacle}`;
  return [
    `records ${first} to ${size - 1}${oldest === undefined ? '' : `, the first of ${oldest}`}`,
    `${over} records are older than ${Number(limitDays.toFixed(1))} d (audit.retention)`,
    next,
    `${ahead} partitions lie ahead${ahead < 2 ? ': fewer than 2, see the process log' : ''}`,
  ];
}

function holdCommands(audit: Command, { output, env }: CliContext): void {
  const hold = audit.command('hold').description('legal holds: nothing from an index on is taken out');
  withClientOptions(hold.command('list').description('holds that stand')).action(async (options: ClientOptions) => {
    const answer = await callApi(clientSettings(options, env), 'GET', '/api/v1/audit/holds');
    const { holds } = answer as { holds: { name: string; from: number; reason: string; by: string; at: string }[] };
    const rows = holds.map(one => [one.name, String(one.from), one.by, one.at, one.reason]);
    for (const line of table(['HOLD', 'FROM', 'BY', 'AT', 'REASON'], rows)) output.out(line);
  });
  withClientOptions(hold.command('add <name>').description('keep everything from an index on'))
    .option('--from <index>', 'first record to keep', '0')
    .requiredOption('-m, --reason <text>', 'why; the audit log has it')
    .action(async (name: string, options: Reasoned & { from: string }) => {
      if (!/^\d{1,15}$/.test(options.from))
        throw new GateError('bad-request', `${options.from} is no index of the audit log`);
      const body = { name, from: Number(options.from), reason: options.reason };
      await callApi(clientSettings(options, env), 'POST', '/api/v1/audit/holds', body);
      output.out(`${name} keeps everything from record ${options.from}`);
    });
  withClientOptions(hold.command('remove <name>').description('end a hold'))
    .requiredOption('-m, --reason <text>', 'why; the audit log has it')
    .action(async (name: string, options: Reasoned) => {
      const path = `/api/v1/audit/holds/${encodeURIComponent(name)}/remove`;
      await callApi(clientSettings(options, env), 'POST', path, { reason: options.reason });
      output.out(`${name} no longer stands`);
    });
}

async function rangeOf(settings: ClientSettings, id: string): Promise<{ first: number; minimum: number }> {
  const approval = (await callApi(settings, 'GET', `/api/v1/approvals/${encodeURIComponent(id)}`)) as {
    state: string;
    resource: string;
  };
  const match = /^audit\/(\d+)-(\d+)$/.exec(approval.resource);
  if (match === null) throw new GateError('bad-request', `${id} is no request to prune the audit log`);
  if (approval.state !== 'approved') throw new GateError('denied', `${id} is ${approval.state}, not approved`);
  return { first: Number(match[1]), minimum: Number(match[2]) + 1 };
}

/** Copies every record of the range, and makes sure that none is missing before anything else is done. */
async function copyRange(settings: ClientSettings, first: number, minimum: number, file: string) {
  const path = `/api/v1/audit/export?format=jsonl&from=${first}&to=${minimum - 1}`;
  const part = `${file}.part`;
  await pipeline(await downloadApi(settings, path), createWriteStream(part, { flags: 'wx', mode: 0o600, flush: true }));
  const hash = createHash('sha256');
  const stream = createReadStream(part);
  stream.on('data', chunk => hash.update(chunk));
  let next = first;
  for await (const line of createInterface({ input: stream })) {
    if (!line.startsWith(`{"idx":${next},`) || !line.endsWith('}')) {
      throw new GateError('internal', `${part}: record ${next} is missing; nothing was taken out`);
    }
    next += 1;
  }
  if (next !== minimum) throw new GateError('internal', `${part} ends before record ${next}; nothing was taken out`);
  await rename(part, file);
  return { digest: hash.digest('hex'), records: minimum - first };
}

/** Until sealing has covered the record and a quiet moment was found, at most two minutes. */
async function takeOut(url: string, approval: string): Promise<number> {
  const session = await openSession({ url, applicationName: 'talosgate prune' });
  try {
    let taken = 0;
    for (let tries = 0; ; ) {
      try {
        const remaining = await takeOne(session, approval);
        taken += 1;
        if (remaining === 0) return taken;
      } catch (thrown) {
        const wait =
          thrown instanceof DatabaseError &&
          (thrown.sqlState === '55P03' || / is not sealed yet$/.test(thrown.message));
        tries += 1;
        if (!wait || tries > 120) {
          throw new GateError('conflict', thrown instanceof Error ? thrown.message : String(thrown), {
            cause: thrown,
          });
        }
        await sleep(1_000);
      }
    }
  } finally {
    await session.close();
  }
}

async function takeOne(session: Session, approval: string): Promise<number> {
  const [row] = await session.query<{ remaining: number }>('SELECT talosgate.audit_prune_approved($1) AS remaining', [
    approval,
  ]);
  return row?.remaining ?? 0;
}
