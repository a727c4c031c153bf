import type { Command } from 'commander';
import { GateError } from '../core/gate-error.ts';
import { type ClientOptions, callApi, clientSettings } from './client.ts';
import { withClientOptions } from './client-options.ts';
import type { CliContext } from './context.ts';
import { table } from './output.ts';

interface SinkView {
  readonly name: string;
  readonly state: string;
  readonly next: number;
  readonly lag: number;
  readonly waitingSince?: string;
  readonly error: string;
  readonly replica: string;
}

/** `talosgate audit sinks`: where the receivers of exports stand, and what to do about one that stopped. */
export function sinkCommands(audit: Command, { output, env }: CliContext): void {
  const sinks = audit.command('sinks').description('receivers of the audit log');
  withClientOptions(sinks.command('list', { isDefault: true }).description('where each one stands, and what is wrong'))
    .option('-o, --output <format>', 'table or json', 'table')
    .action(async (options: ClientOptions & { output: string }) => {
      const answer = await callApi(clientSettings(options, env), 'GET', '/api/v1/audit/sinks');
      const { sinks: views } = answer as { sinks: SinkView[] };
      if (options.output === 'json') {
        for (const view of views) output.out(JSON.stringify(view));
        return;
      }
      const rows = views.map(view => [
        view.name,
        view.state,
        String(view.next),
        String(view.lag),
        view.waitingSince ?? '-',
        view.replica,
        view.error === '' ? '-' : view.error,
      ]);
      for (const line of table(['SINK', 'STATE', 'NEXT', 'LAG', 'WAITING SINCE', 'REPLICA', 'ERROR'], rows))
        output.out(line);
    });
  withClientOptions(sinks.command('resume <name>').description('let a stopped receiver try again'))
    .option('--skip <index>', 'pass over this record, which the receiver refuses')
    .requiredOption('-m, --reason <text>', 'why; the audit log has it')
    .action(async (name: string, options: ClientOptions & { skip?: string; reason: string }) => {
      const skip = options.skip === undefined ? {} : { skip: indexOf(options.skip) };
      const path = `/api/v1/audit/sinks/${encodeURIComponent(name)}/resume`;
      await callApi(clientSettings(options, env), 'POST', path, { ...skip, reason: options.reason });
      output.out(`${name} tries again${options.skip === undefined ? '' : ` behind ${options.skip}`}`);
    });
  withClientOptions(
    sinks.command('forget <name>').description('forget a receiver that no configuration names any more'),
  )
    .requiredOption('-m, --reason <text>', 'why; the audit log has it')
    .action(async (name: string, options: ClientOptions & { reason: string }) => {
      const path = `/api/v1/audit/sinks/${encodeURIComponent(name)}/forget`;
      await callApi(clientSettings(options, env), 'POST', path, { reason: options.reason });
      output.out(`${name} is forgotten`);
    });
}

function indexOf(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new GateError('bad-request', `${text} is no index of the audit log`);
}
