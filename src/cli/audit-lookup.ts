import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { GateError } from '../core/gate-error.ts';
import { type Entry, entryColumns, entryRow } from './audit-entry.ts';
import { type FilterOptions, formatOption } from './audit-filters.ts';
import { type ClientOptions, callApi, clientSettings } from './client.ts';
import { withClientOptions } from './client-options.ts';
import type { CliContext } from './context.ts';
import { table } from './output.ts';

/** `talosgate audit lookup`: which records had this value in a field that the log keeps as a digest only. */
export function lookupCommand(audit: Command, { output, env }: CliContext): void {
  withClientOptions(audit.command('lookup').description('records in which a field had a value that the log hides'))
    .requiredOption(
      '--field <path>',
      'field: data (of a request), machine.token (of a configuration) …; [] for any item',
    )
    .requiredOption('--value-file <file>', 'file with the value, byte for byte; - for standard input')
    .option('--trim', 'leave out a line break at the end of the value')
    .option('--limit <n>', 'how many, newest first', '100')
    .option('-o, --output <format>', 'table, json (one list) or jsonl (one record a line)', 'table')
    .action(async (options: ClientOptions & FilterOptions & { field: string; valueFile: string; trim?: true }) => {
      const format = formatOption(options['output'], ['table', 'json', 'jsonl']);
      const bytes = readValue(options.valueFile);
      const value = options.trim === true ? bytes.toString('latin1').replace(/\r?\n$/, '') : bytes.toString('latin1');
      const answer = (await callApi(clientSettings(options, env), 'POST', '/api/v1/audit/lookup', {
        field: options.field,
        value: Buffer.from(value, 'latin1').toString('base64'),
        limit: Number(options['limit'] ?? 100),
      })) as { digests: string[]; entries: Entry[] };
      if (format === 'json') output.out(JSON.stringify(answer.entries, undefined, 2));
      else if (format === 'jsonl') for (const entry of answer.entries) output.out(JSON.stringify(entry));
      else {
        for (const line of table(entryColumns, answer.entries.map(entryRow))) output.out(line);
        if (answer.entries.length === 0) output.error(`no record; looked for ${answer.digests.join(', ')}`);
      }
    });
}

/** Never an option itself: options stand in the list of processes. */
function readValue(file: string): Buffer {
  try {
    return readFileSync(file === '-' ? 0 : file);
  } catch (cause) {
    const what = file === '-' ? 'standard input' : file;
    throw new GateError('bad-config', `cannot read ${what}: ${(cause as Error).message}`, { cause });
  }
}
