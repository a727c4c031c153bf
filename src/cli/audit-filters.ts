import type { Command } from 'commander';
import { GateError } from '../core/gate-error.ts';

/** What commander hands over for the filters, by option name. */
export type FilterOptions = Readonly<Record<string, string | undefined>>;

const filters: readonly (readonly [option: string, query: string, text: string])[] = [
  ['--who <principal>', 'who', 'principal; a trailing * matches a prefix'],
  ['--group <group>', 'group', 'one of the caller’s groups; a trailing * matches a prefix'],
  ['--cluster <name>', 'cluster', 'cluster; a trailing * matches a prefix'],
  ['--node <name>', 'node', 'node; a trailing * matches a prefix'],
  ['--method <path>', 'method', 'gRPC path; a trailing * matches a prefix'],
  ['--action <action>', 'action', 'action such as logs.read, or config.*'],
  ['--risk <class>', 'risk', 'read, write, destructive, credential or shell'],
  ['--resource <resource>', 'resource', 'resource; a trailing * matches a prefix'],
  ['--decision <decision>', 'decision', 'allow, approve or deny'],
  ['--reason <reason>', 'reason', 'reason of a refusal'],
  ['--rule <rule>', 'rule', 'rule that decided, such as policies/policy.csv:12'],
  ['--outcome <end>', 'outcome', 'gRPC code by name or number, what ended the call (client, deadline …), or unknown'],
  ['--kind <kinds>', 'kind', 'kinds of record, comma-separated'],
  ['--peer <address>', 'peer', 'address that calls came from, or a network such as 192.0.2.0/24'],
  ['--approval <id>', 'approval', 'approval id'],
  ['--session <id>', 'session', 'recorded session; it has the id of its call'],
  ['--call <id>', 'call', 'call id'],
  ['--since <time>', 'since', 'RFC 3339 time, or an age such as 15m, 2h, 7d'],
  ['--until <time>', 'until', 'RFC 3339 time, or an age'],
];

/** Adds the options that choose records. */
export function addFilters(command: Command): Command {
  for (const [option, , text] of filters) command.option(option, text);
  return command;
}

/** What the API is asked for them. `now` is what ages count from, milliseconds since the epoch. Throws GateError `bad-request`. */
export function queryOf(options: FilterOptions, now: number): URLSearchParams {
  const query = new URLSearchParams();
  for (const [, name] of filters) {
    const value = options[name];
    if (value !== undefined) {
      query.set(name, name === 'since' || name === 'until' ? timeOption(name, value, now) : value);
    }
  }
  return query;
}

/** Copies these options, where they were given, to the query. */
export function addToQuery(query: URLSearchParams, options: FilterOptions, names: readonly string[]): void {
  for (const name of names) {
    const value = options[name];
    if (value !== undefined) query.set(name, value);
  }
}

/** Turns an age such as 15m into the time that long ago. Throws GateError `bad-request` for what is neither age nor time. */
export function timeOption(name: string, value: string, now: number): string {
  const match = /^(\d{1,6})([smhd])$/.exec(value);
  if (match !== null) {
    const unit = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[match[2] as 's' | 'm' | 'h' | 'd'];
    return new Date(now - Number(match[1]) * unit).toISOString();
  }
  if (!Number.isNaN(Date.parse(value))) return value;
  throw new GateError(
    'bad-request',
    `--${name} ${JSON.stringify(value)} is no time; write one such as 2026-01-31T12:00:00Z, or an age such as 15m, 2h or 7d`,
  );
}

/** Checks what was given for `-o`. Throws GateError `bad-request` that names what there is. */
export function formatOption<T extends string>(value: string | undefined, known: readonly [T, ...T[]]): T {
  const format = value === undefined ? known[0] : known.find(one => one === value);
  if (format !== undefined) return format;
  throw new GateError('bad-request', `-o ${JSON.stringify(value)}: there is ${known.join(', ')}`);
}
