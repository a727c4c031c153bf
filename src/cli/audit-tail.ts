import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { GateError } from '../core/gate-error.ts';
import { type Entry, entryRow } from './audit-entry.ts';
import { addFilters, addToQuery, type FilterOptions, formatOption, queryOf } from './audit-filters.ts';
import { type ClientOptions, type ClientSettings, clientSettings, streamApi } from './client.ts';
import { withClientOptions } from './client-options.ts';
import type { CliContext } from './context.ts';
import { type Output, safeText } from './output.ts';

/** `talosgate audit tail`: records as they are written. */
export function tailCommand(audit: Command, { output, env, clock }: CliContext): void {
  const tail = audit.command('tail').description('records as they are written, until Ctrl-C');
  addFilters(withClientOptions(tail))
    .option('--after <index>', 'begin above this index instead of at the end')
    .option('-o, --output <format>', 'text, or jsonl (one record a line; json is the same)', 'text')
    .action(async (options: ClientOptions & FilterOptions) => {
      const format = formatOption(options['output'], ['text', 'jsonl', 'json']);
      const query = queryOf(options, clock.now());
      addToQuery(query, options, ['after']);
      const stop = new AbortController();
      const leave = (): void => stop.abort();
      process.once('SIGINT', leave);
      try {
        for await (const entry of followLog(clientSettings(options, env), query, stop.signal, output)) {
          output.out(format === 'text' ? safeText(entryRow(entry).join('  ')) : JSON.stringify(entry));
        }
      } finally {
        process.removeListener('SIGINT', leave);
      }
    });
}

/** First and longest pause before the log is asked again, in milliseconds. */
const pauses = { first: 500, longest: 10_000 };

/**
 * Records after `after=` of the query, or from now on, each once and in order, until the signal. A connection that breaks
 * or ends is made again and goes on after the last record seen; standard error says so. Throws what trying again does not
 * mend: a mistake in the query, a credential or right that is missing.
 */
export async function* followLog(
  settings: ClientSettings,
  query: URLSearchParams,
  signal: AbortSignal,
  output: Pick<Output, 'error'>,
  firstPauseMs: number = pauses.first,
): AsyncGenerator<Entry> {
  let pause = firstPauseMs;
  const stopped = (): boolean => signal.aborted;
  const state = { begun: false };
  while (!signal.aborted) {
    try {
      const path = `/api/v1/audit/tail?${query.toString()}`;
      const lines = streamApi(settings, path, signal, headers => {
        state.begun = true;
        // Where it begins counts even if the connection breaks before the first record.
        const from = headers['talosgate-after'];
        if (!query.has('after') && typeof from === 'string') query.set('after', from);
      });
      for await (const line of lines) {
        const entry = line as Entry;
        query.set('after', entry.index);
        pause = firstPauseMs;
        yield entry;
      }
      if (!stopped()) output.error('talosgate: the gateway ended the connection, asking again');
    } catch (thrown) {
      const error = GateError.from(thrown);
      // A gateway that was never reached is more likely a wrong address than one that restarts.
      if (!state.begun || (error.code !== 'upstream-unavailable' && error.code !== 'overloaded')) throw thrown;
      const after = query.get('after');
      output.error(`talosgate: ${error.message}; going on after ${after ?? 'the end'} in ${Math.ceil(pause / 1000)} s`);
    }
    await sleep(pause, undefined, { signal }).catch(() => undefined);
    pause = Math.min(pause * 2, pauses.longest);
  }
}
