import type { Command } from 'commander';
import { valueText } from './audit-entry.ts';
import { addToQuery, type FilterOptions, formatOption, timeOption } from './audit-filters.ts';
import { type ClientOptions, callApi, clientSettings } from './client.ts';
import { withClientOptions } from './client-options.ts';
import type { CliContext } from './context.ts';
import { safeText } from './output.ts';

interface Change {
  readonly index: string;
  readonly time: string;
  readonly call: string;
  readonly who: string;
  readonly cluster: string;
  readonly node: string;
  readonly mode: string;
  readonly result: string;
  readonly config: string;
  readonly count: number;
  readonly changes: readonly unknown[];
  readonly why: string;
}

/** `talosgate audit config-history`: what was done to the configuration of a node. */
export function configHistoryCommand(audit: Command, { output, env, clock }: CliContext): void {
  withClientOptions(
    audit.command('config-history <node>').description('what changed in the configuration of a node, by whom and when'),
  )
    .option('--cluster <name>', 'cluster, where several have a node of that name')
    .option('--since <time>', 'RFC 3339 time, or an age such as 15m, 2h, 7d')
    .option('--until <time>', 'RFC 3339 time, or an age')
    .option('--limit <n>', 'how many changes, newest first', '20')
    .option('-o, --output <format>', 'text or json', 'text')
    .action(async (node: string, options: ClientOptions & FilterOptions) => {
      const format = formatOption(options['output'], ['text', 'json']);
      const query = new URLSearchParams({ node });
      addToQuery(query, options, ['cluster', 'limit']);
      for (const name of ['since', 'until']) {
        const value = options[name];
        if (value !== undefined) query.set(name, timeOption(name, value, clock.now()));
      }
      const path = `/api/v1/audit/config-history?${query.toString()}`;
      const { changes } = (await callApi(clientSettings(options, env), 'GET', path)) as { changes: Change[] };
      if (format === 'json') output.out(JSON.stringify(changes, undefined, 2));
      else for (const line of changes.flatMap(describe)) output.out(line);
      if (changes.length === 0) output.error(`nothing was done to the configuration of ${safeText(node)} in that time`);
    });
}

function describe(change: Change): string[] {
  const { index, time, who, cluster, node, mode, result, config, count, why, call } = change;
  const what = why === '' ? `${config || 'not compared'}, ${count} differ` : `${config}: ${why}`;
  return [
    safeText(`#${index}  ${time}  ${who}  ${cluster}/${node}  ${mode}  ${result}  (${what})  call ${call}`),
    ...change.changes.map(line => `    ${changeText(line)}`),
    '',
  ];
}

function changeText(change: unknown): string {
  if (!Array.isArray(change)) return valueText(change);
  const [sign, path, first, second] = change as unknown[];
  const start = `${valueText(sign)} ${valueText(path)}: ${shown(first)}`;
  return second === undefined ? start : `${start} -> ${shown(second)}`;
}

/** Digests in short: enough to see that two are the same. */
function shown(value: unknown): string {
  if (typeof value !== 'object' || value === null || !('digest' in value)) return valueText(value);
  const digest = valueText(value.digest);
  return `<hidden ${digest.slice(0, digest.indexOf(':') + 13)}…>`;
}
