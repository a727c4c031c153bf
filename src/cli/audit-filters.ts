import type { Command } from 'commander';

/** What commander hands over for the filters, by option name. */
export type FilterOptions = Readonly<Record<string, string | undefined>>;

const filters: readonly (readonly [option: string, query: string, text: string])[] = [
  ['--who <principal>', 'who', 'principal; a trailing * matches a prefix'],
  ['--cluster <name>', 'cluster', 'cluster'],
  ['--node <name>', 'node', 'node; a trailing * matches a prefix'],
  ['--method <path>', 'method', 'gRPC path; a trailing * matches a prefix'],
  ['--action <action>', 'action', 'action such as logs.read, or config.*'],
  ['--risk <class>', 'risk', 'read, write, destructive, credential or shell'],
  ['--resource <resource>', 'resource', 'resource; a trailing * matches a prefix'],
  ['--decision <decision>', 'decision', 'allow, approve or deny'],
  ['--reason <reason>', 'reason', 'reason of a refusal'],
  ['--outcome <code>', 'outcome', 'gRPC code of the outcome, by name or number'],
  ['--kind <kinds>', 'kind', 'kinds of record, comma-separated'],
  ['--approval <id>', 'approval', 'approval id'],
  ['--call <id>', 'call', 'call id'],
  ['--since <time>', 'since', 'RFC 3339 time, or an age such as 15m, 2h, 7d'],
  ['--until <time>', 'until', 'RFC 3339 time, or an age'],
];

/** Adds the options that choose records. */
export function addFilters(command: Command): Command {
  for (const [option, , text] of filters) command.option(option, text);
  return command;
}

/** What the API is asked for them. `now` is what ages count from, milliseconds since the epoch. */
export function queryOf(options: FilterOptions, now: number): URLSearchParams {
  const query = new URLSearchParams();
  for (const [, name] of filters) {
    const value = options[name];
    if (value !== undefined) query.set(name, name === 'since' || name === 'until' ? timeOption(value, now) : value);
  }
  return query;
}

/** Turns an age such as 15m into the time that long ago; anything else passes as it is. */
function timeOption(value: string, now: number): string {
  const match = /^(\d{1,6})([smhd])$/.exec(value);
  if (match === null) return value;
  const unit = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[match[2] as 's' | 'm' | 'h' | 'd'];
  return new Date(now - Number(match[1]) * unit).toISOString();
}
