import type { Command } from 'commander';
import { grpcCodeName } from '../core/grpc.ts';
import { addToQuery, type FilterOptions, formatOption, timeOption } from './audit-filters.ts';
import { type ClientOptions, callApi, clientSettings } from './client.ts';
import { withClientOptions } from './client-options.ts';
import type { CliContext } from './context.ts';
import { table } from './output.ts';

const kinds = ['who', 'action', 'decision', 'node', 'outcome'] as const;

type Stats = { readonly since: string; readonly until: string; readonly calls: number } & Readonly<
  Record<(typeof kinds)[number], readonly { readonly value: string; readonly count: number }[]>
>;

/** `talosgate audit stats`: how often each value occurs among the node calls of a time. */
export function statsCommand(audit: Command, { output, env, clock }: CliContext): void {
  withClientOptions(audit.command('stats').description('calls by who, action, decision, node and outcome'))
    .option('--since <time>', 'RFC 3339 time, or an age such as 15m, 2h, 7d; a day before the end unless said')
    .option('--until <time>', 'RFC 3339 time, or an age; now unless said')
    .option('--top <n>', 'how many of each, most frequent first', '10')
    .option('-o, --output <format>', 'table or json', 'table')
    .action(async (options: ClientOptions & FilterOptions) => {
      const format = formatOption(options['output'], ['table', 'json']);
      const query = new URLSearchParams();
      for (const name of ['since', 'until']) {
        const value = options[name];
        if (value !== undefined) query.set(name, timeOption(name, value, clock.now()));
      }
      addToQuery(query, options, ['top']);
      const path = `/api/v1/audit/stats?${query.toString()}`;
      const stats = (await callApi(clientSettings(options, env), 'GET', path)) as Stats;
      if (format === 'json') output.out(JSON.stringify(stats, undefined, 2));
      else for (const line of describe(stats)) output.out(line);
    });
}

function describe(stats: Stats): string[] {
  const rows = kinds.flatMap(kind =>
    stats[kind].map(({ value, count }) => [
      kind.toUpperCase(),
      kind === 'outcome' && value !== 'unknown' ? grpcCodeName(Number(value)) : value,
      String(count),
    ]),
  );
  return [
    `${stats.calls} node calls from ${stats.since} to ${stats.until}`,
    '',
    ...table(['BY', 'VALUE', 'COUNT'], rows),
  ];
}
