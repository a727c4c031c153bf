import type { Command } from 'commander';
import { grpcCodeName } from '../core/grpc.ts';
import { type Entry, fieldText, valueText } from './audit-entry.ts';
import { type FilterOptions, formatOption } from './audit-filters.ts';
import { type ClientOptions, callApi, clientSettings } from './client.ts';
import { withClientOptions } from './client-options.ts';
import type { CliContext } from './context.ts';
import { safeText, table } from './output.ts';

/** `talosgate audit show`: one call as one thing. */
export function showCommand(audit: Command, { output, env }: CliContext): void {
  withClientOptions(
    audit.command('show <call>').description('one call as one thing: who asked what, each node, approval, session'),
  )
    .option('-o, --output <format>', 'text, records (every field of every record), json or jsonl', 'text')
    .action(async (call: string, options: ClientOptions & FilterOptions) => {
      const format = formatOption(options['output'], ['text', 'records', 'json', 'jsonl']);
      const path = `/api/v1/audit/calls/${encodeURIComponent(call)}`;
      const { entries } = (await callApi(clientSettings(options, env), 'GET', path)) as { entries: Entry[] };
      if (format === 'json') output.out(JSON.stringify(entries, undefined, 2));
      else if (format === 'jsonl') for (const entry of entries) output.out(JSON.stringify(entry));
      else if (format === 'records') for (const line of entries.flatMap(everyField)) output.out(line);
      else for (const line of storyOf(entries)) output.out(line);
    });
}

/** A call, told from its records: what was asked, what became of it on each node, the approval with its votes, the session. */
function storyOf(entries: readonly Entry[]): string[] {
  const calls = entries.filter(entry => fieldText(entry, 'kind').startsWith('call.'));
  const [first] = calls;
  if (first === undefined) return entries.flatMap(everyField);
  return [
    ...asked(first),
    '',
    ...legs(calls),
    ...section('APPROVAL', entries, 'approval.', approvalLine),
    ...section('SESSION', entries, 'session.', otherLine),
    ...section(
      'OTHER',
      entries.filter(entry => !/^(call|approval|session)\./.test(fieldText(entry, 'kind'))),
      '',
      otherLine,
    ),
    '',
    `records ${entries.map(entry => `#${entry.index}`).join(' ')}`,
  ];
}

function asked(entry: Entry): string[] {
  const field = (name: string): string => fieldText(entry, name);
  const rows = [
    ['call', field('callId')],
    ['at', entry.time],
    [
      'who',
      `${field('principal') || '(nobody)'}${field('groups') === '' ? '' : ` of ${listText(entry.record['groups'])}`}`,
    ],
    ['from', [field('peerAddress'), field('userAgent')].filter(text => text !== '').join('  ')],
    ['method', field('method')],
    ['action', `${field('action') || '-'} (${field('risk') || '-'})`],
    ['resource', field('resource')],
    ['digest', field('requestDigest')],
  ];
  const request = entry.record['request'];
  const shown = typeof request === 'object' && request !== null ? Object.entries(request) : [];
  return table(
    ['', ''],
    [...rows.filter(([, text]) => text !== ''), ...shown.map(([name, value]) => [`  ${name}`, valueText(value)])],
  ).slice(1);
}

/** One block for each node: the decision, then the end. */
function legs(calls: readonly Entry[]): string[] {
  const numbers = [...new Set(calls.map(entry => fieldText(entry, 'leg') || '0'))];
  return numbers.flatMap(number => {
    const own = calls.filter(entry => (fieldText(entry, 'leg') || '0') === number);
    const node = own.map(entry => fieldText(entry, 'node') || fieldText(entry, 'asked')).find(text => text !== '');
    return [`NODE ${node ?? '-'}`, ...own.map(entry => `  ${entry.time}  ${legLine(entry)}`)];
  });
}

function legLine(entry: Entry): string {
  const field = (name: string): string => fieldText(entry, name);
  const code = field('grpcCode') === '' ? '' : grpcCodeName(Number(field('grpcCode')));
  const message = field('grpcMessage') === '' ? '' : `: ${field('grpcMessage')}`;
  switch (field('kind')) {
    case 'call.intent':
      return `allowed${by(entry)}${field('approvalId') === '' ? '' : `, with approval ${field('approvalId')}`}, as ${field('talosRole') || '-'}`;
    case 'call.deny':
      return `refused: ${field('reason')}${by(entry)}, ${code}${message}`;
    case 'call.outcome': {
      const late = field('late') === 'true' ? ' (late)' : '';
      const ms = Number(field('durationUs') || 0) / 1000;
      return `ended${late} by ${field('endCause')}: ${code}${message}, ${ms.toFixed(1)} ms, ${field('requestBytes') || 0} bytes there, ${field('responseBytes') || 0} back`;
    }
    case 'call.unknown':
      return 'end unknown: the gateway was lost while the call ran';
    default:
      return otherText(entry);
  }
}

function by(entry: Entry): string {
  const rule = fieldText(entry, 'rule');
  return rule === '' ? '' : ` by ${rule}`;
}

function section(title: string, entries: readonly Entry[], prefix: string, line: (entry: Entry) => string): string[] {
  const own = entries.filter(entry => fieldText(entry, 'kind').startsWith(prefix));
  return own.length === 0 ? [] : ['', title, ...own.map(entry => `  ${entry.time}  ${line(entry)}`)];
}

function approvalLine(entry: Entry): string {
  const what = fieldText(entry, 'kind').slice('approval.'.length);
  return `${fieldText(entry, 'approvalId')} ${what} by ${fieldText(entry, 'principal') || '-'}${detailsText(entry)}`;
}

function otherLine(entry: Entry): string {
  return otherText(entry);
}

function otherText(entry: Entry): string {
  const who = fieldText(entry, 'principal');
  return `${fieldText(entry, 'kind')}${who === '' ? '' : ` by ${who}`}${detailsText(entry)}`;
}

function detailsText(entry: Entry): string {
  const { details } = entry.record;
  if (typeof details !== 'object' || details === null) return '';
  const parts = Object.entries(details).map(([name, value]) => `${safeText(name)} ${valueText(value)}`);
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`;
}

function listText(value: unknown): string {
  return Array.isArray(value) ? value.map(valueText).join(', ') : valueText(value);
}

function everyField(entry: Entry): string[] {
  const fields = Object.entries(entry.record).filter(([name, value]) => name !== 'kind' && value !== undefined);
  return [
    `#${entry.index}  ${entry.time}  ${fieldText(entry, 'kind')}`,
    ...table(
      ['', ''],
      fields.map(([name, value]) => [`  ${name}`, valueText(value)]),
    ).slice(1),
    `  leaf  ${entry.leaf}`,
    '',
  ];
}
