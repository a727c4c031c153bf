import type { Command } from 'commander';
import { exportCommand } from './audit-export.ts';
import { addFilters, type FilterOptions, queryOf } from './audit-filters.ts';
import { type ClientOptions, callApi, clientSettings, streamApi } from './client.ts';
import { withClientOptions } from './client-options.ts';
import type { CliContext } from './context.ts';
import { type Output, safeText, table } from './output.ts';

interface Entry {
  readonly index: string;
  readonly time: string;
  readonly leaf: string;
  readonly record: Readonly<Record<string, unknown>>;
}

type Options = ClientOptions & FilterOptions;

/** `talosgate audit list|show|tail`: the audit log through the JSON API of a running gateway. */
export function auditCommands(parent: Command, context: CliContext): void {
  const { output, env, clock } = context;
  const audit = parent.command('audit').description('read the audit log');
  const list = withClientOptions(audit.command('list').description('newest records first, or the ones after an index'));
  addFilters(list)
    .option('--limit <n>', 'how many', '50')
    .option('--before <index>', 'only records below this index')
    .option('--after <index>', 'only records above this index, oldest first')
    .option('-o, --output <format>', 'table or json', 'table')
    .action(async (options: Options) => {
      const query = queryOf(options, clock.now());
      for (const name of ['limit', 'before', 'after']) {
        const value = options[name];
        if (value !== undefined) query.set(name, value);
      }
      const answer = (await callApi(clientSettings(options, env), 'GET', `/api/v1/audit?${query.toString()}`)) as {
        entries: Entry[];
      };
      print(answer.entries, options['output'] ?? 'table', output);
    });
  withClientOptions(audit.command('show <call>').description('one call: its intent, nodes and outcome'))
    .option('-o, --output <format>', 'text or json', 'text')
    .action(async (call: string, options: Options) => {
      const path = `/api/v1/audit/calls/${encodeURIComponent(call)}`;
      const answer = (await callApi(clientSettings(options, env), 'GET', path)) as { entries: Entry[] };
      if (options['output'] === 'json') {
        for (const entry of answer.entries) output.out(JSON.stringify(entry));
        return;
      }
      for (const entry of answer.entries) for (const line of describe(entry)) output.out(line);
    });
  addFilters(withClientOptions(audit.command('tail').description('records as they are written, until Ctrl-C')))
    .option('--after <index>', 'start above this index instead of at the end')
    .option('-o, --output <format>', 'text or json', 'text')
    .action(async (options: Options) => {
      const query = queryOf(options, clock.now());
      if (options['after'] !== undefined) query.set('after', options['after']);
      const stop = new AbortController();
      const leave = (): void => stop.abort();
      process.once('SIGINT', leave);
      try {
        for await (const line of streamApi(
          clientSettings(options, env),
          `/api/v1/audit/tail?${query.toString()}`,
          stop.signal,
        )) {
          const entry = line as Entry;
          output.out(options['output'] === 'json' ? JSON.stringify(entry) : safeText(row(entry).join('  ')));
        }
      } finally {
        process.removeListener('SIGINT', leave);
      }
    });
  exportCommand(audit, context);
}

const columns = ['INDEX', 'TIME', 'KIND', 'WHO', 'NODE', 'ACTION', 'RESOURCE', 'DECISION', 'CODE', 'CALL'];

function print(entries: readonly Entry[], format: string, output: Output): void {
  if (format === 'json') {
    for (const entry of entries) output.out(JSON.stringify(entry));
    return;
  }
  for (const line of table(columns, entries.map(row))) output.out(line);
}

function row(entry: Entry): string[] {
  const field = (name: string): string => textOf(entry.record[name]);
  return [
    entry.index,
    entry.time,
    field('kind'),
    field('principal') || '-',
    field('node') || field('asked') || '-',
    field('action') || field('method') || '-',
    field('resource') || '-',
    field('decision') + (field('reason') === '' ? '' : ` (${field('reason')})`),
    field('grpcCode') || '-',
    field('callId') || '-',
  ];
}

function describe(entry: Entry): string[] {
  const fields = Object.entries(entry.record).filter(([name, value]) => name !== 'kind' && value !== undefined);
  return [
    `#${entry.index}  ${entry.time}  ${textOf(entry.record['kind'])}`,
    ...table(
      ['', ''],
      fields.map(([name, value]) => [`  ${name}`, textOf(value)]),
    ).slice(1),
    `  leaf  ${entry.leaf}`,
    '',
  ];
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
