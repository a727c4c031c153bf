import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { GateError } from '../core/gate-error.ts';
import { fileFormats } from '../export/formats/table.ts';
import { addFilters, type FilterOptions, queryOf } from './audit-filters.ts';
import { type ClientOptions, clientSettings, downloadApi } from './client.ts';
import { withClientOptions } from './client-options.ts';
import type { CliContext } from './context.ts';

type Options = ClientOptions & FilterOptions & { readonly format: string; readonly out: string };

/** `talosgate audit export`: a part of the log as a file, through the JSON API of a running gateway. */
export function exportCommand(audit: Command, { output, env, clock }: CliContext): void {
  const formats = Object.keys(fileFormats).join(', ');
  addFilters(withClientOptions(audit.command('export').description('records in index order, as a file')))
    .requiredOption('--format <format>', formats)
    .requiredOption('--out <file>', 'file to write, which must not exist yet')
    .option('--from <index>', 'first index')
    .option('--to <index>', 'last index; else the newest when the export begins')
    .action(async (options: Options) => {
      const { format, out } = options;
      if (format === 'bundle') {
        const how = 'talosgate audit bundle FOLDER --config talosgate.yaml';
        throw new GateError('bad-request', `a bundle is written from the database, not through the gateway: ${how}`);
      }
      if (!Object.hasOwn(fileFormats, format)) {
        throw new GateError('bad-request', `unknown format ${format}; there are ${formats}`);
      }
      const query = queryOf(options, clock.now());
      query.set('format', format);
      for (const name of ['from', 'to']) {
        const value = options[name];
        if (value !== undefined) query.set(name, value);
      }
      await refuseExisting(out);
      const answer = await downloadApi(clientSettings(options, env), `/api/v1/audit/export?${query.toString()}`);
      const bytes = await save(answer, out);
      output.out(`${out}: ${bytes} bytes, ${format}, from index range ${String(answer.headers['talosgate-range'])}`);
    });
}

async function refuseExisting(file: string): Promise<void> {
  if ((await stat(file).catch(() => undefined)) !== undefined) {
    throw new GateError('bad-request', `${file} exists already; name a new file`);
  }
}

/** Under another name until it is complete, so that half an export is never taken for a whole one. */
async function save(answer: NodeJS.ReadableStream, file: string): Promise<number> {
  const part = `${file}.part`;
  const sink = createWriteStream(part, { flags: 'w', mode: 0o600 });
  try {
    await pipeline(answer, sink);
    await rename(part, file);
    return sink.bytesWritten;
  } catch (cause) {
    await rm(part, { force: true });
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new GateError('upstream-unavailable', `the export was cut off and ${file} not written: ${why}`, { cause });
  }
}
