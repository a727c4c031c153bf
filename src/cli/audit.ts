import type { Command } from 'commander';
import { configHistoryCommand } from './audit-config-history.ts';
import { type Entry, entryColumns, entryRow } from './audit-entry.ts';
import { exportCommand } from './audit-export.ts';
import { addFilters, addToQuery, type FilterOptions, formatOption, queryOf } from './audit-filters.ts';
import { lookupCommand } from './audit-lookup.ts';
import { retentionCommands } from './audit-retention.ts';
import { showCommand } from './audit-show.ts';
import { sinkCommands } from './audit-sinks.ts';
import { statsCommand } from './audit-stats.ts';
import { tailCommand } from './audit-tail.ts';
import { type ClientOptions, callApi, clientSettings } from './client.ts';
import { withClientOptions } from './client-options.ts';
import type { CliContext } from './context.ts';
import { table } from './output.ts';

/** `talosgate audit …`: the audit log through the JSON API of a running gateway. */
export function auditCommands(parent: Command, context: CliContext): void {
  const { output, env, clock } = context;
  const audit = parent.command('audit').description('read the audit log');
  const list = withClientOptions(audit.command('list').description('newest records first, or the ones after an index'));
  addFilters(list)
    .option('--limit <n>', 'how many, at most 1000', '50')
    .option('--before <index>', 'only records below this index')
    .option('--after <index>', 'only records above this index, oldest first')
    .option('-o, --output <format>', 'table, json (one list) or jsonl (one record a line)', 'table')
    .action(async (options: ClientOptions & FilterOptions) => {
      const format = formatOption(options['output'], ['table', 'json', 'jsonl']);
      const query = queryOf(options, clock.now());
      addToQuery(query, options, ['limit', 'before', 'after']);
      const path = `/api/v1/audit?${query.toString()}`;
      const { entries } = (await callApi(clientSettings(options, env), 'GET', path)) as { entries: Entry[] };
      if (format === 'json') output.out(JSON.stringify(entries, undefined, 2));
      else if (format === 'jsonl') for (const entry of entries) output.out(JSON.stringify(entry));
      else for (const line of table(entryColumns, entries.map(entryRow))) output.out(line);
    });
  showCommand(audit, context);
  tailCommand(audit, context);
  statsCommand(audit, context);
  lookupCommand(audit, context);
  configHistoryCommand(audit, context);
  exportCommand(audit, context);
  sinkCommands(audit, context);
  retentionCommands(audit, context);
}
