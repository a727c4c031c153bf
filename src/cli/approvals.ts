import type { Command } from 'commander';
import { verifies } from '../approvals/signature.ts';
import type { ApprovalView } from './approval-view.ts';
import { type ClientOptions, callApi, clientSettings } from './client.ts';
import { withClientOptions } from './client-options.ts';
import type { CliContext } from './context.ts';
import { decisionCommands } from './decisions.ts';
import { type Output, safeText, table } from './output.ts';

/** `talosgate approvals …`: the second person's side of a gated call. */
export function approvalCommands(parent: Command, { output, env }: CliContext): void {
  const approvals = parent.command('approvals').description('see and decide requests for approval');
  withClientOptions(approvals.command('list').description('requests, newest first'))
    .option('--state <state>', 'pending, approved, claimed, ended, denied, expired, cancelled …')
    .option('--limit <n>', 'how many', '50')
    .option('-o, --output <format>', 'table or json', 'table')
    .action(async (options: ClientOptions & { state?: string; limit: string; output: string }) => {
      const query = new URLSearchParams({ limit: options.limit });
      if (options.state !== undefined) query.set('state', options.state);
      const answer = (await callApi(clientSettings(options, env), 'GET', `/api/v1/approvals?${query.toString()}`)) as {
        approvals: ApprovalView[];
      };
      if (options.output === 'json') {
        for (const approval of answer.approvals) output.out(JSON.stringify(approval));
        return;
      }
      const rows = answer.approvals.map(a => [
        a.id,
        a.state,
        a.requester,
        a.node,
        a.action,
        a.resource,
        a.reason,
        a.expires,
      ]);
      for (const line of table(['ID', 'STATE', 'REQUESTER', 'NODE', 'ACTION', 'RESOURCE', 'REASON', 'EXPIRES'], rows)) {
        output.out(line);
      }
    });
  withClientOptions(approvals.command('show <id>').description('one request, with exactly what it would allow'))
    .option('-o, --output <format>', 'text or json', 'text')
    .action(async (id: string, options: ClientOptions & { output: string }) => {
      const answer = await callApi(clientSettings(options, env), 'GET', `/api/v1/approvals/${encodeURIComponent(id)}`);
      show(answer as ApprovalView, options.output, output);
    });
  decisionCommands(approvals, { output, env });
}

function show(approval: ApprovalView, format: string, output: Output): void {
  if (format === 'json') {
    output.out(JSON.stringify(approval, undefined, 2));
    return;
  }
  const rows = [
    ['state', approval.state],
    ['requester', approval.requester],
    ['cluster', approval.cluster],
    ['node', approval.node],
    ['method', approval.method],
    ['action', `${approval.action} on ${approval.resource}`],
    ['reason', approval.reason],
    ...Object.entries(approval.summary).map(([name, value]) => [
      `request ${name}`,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
    ['binding', approval.binding],
    ['created', approval.created],
    ['expires', approval.expires],
    ...(approval.notBefore === undefined ? [] : [['not before', approval.notBefore]]),
    ['needs', needsOf(approval)],
    ...approval.votes.map(vote => [`vote ${vote.verdict}`, voteOf(approval, vote)]),
    ...(approval.ended === undefined ? [] : [['ended', endOf(approval)]]),
  ];
  output.out(safeText(approval.id));
  for (const line of table(
    ['', ''],
    rows.map(([name, value]) => [`  ${name ?? ''}`, value ?? '']),
  ).slice(1))
    output.out(line);
}

/** `1 of platform-leads, 1 of security; 1 denial ends it`. */
function needsOf({ needs, denials }: ApprovalView): string {
  const people = needs.map(({ group, people: count }) => `${count} of ${group ?? 'those who may decide'}`);
  return `${people.join(', ')}; ${denials} denial${denials === 1 ? '' : 's'} end${denials === 1 ? 's' : ''} it`;
}

/** Says of a signature only what was checked here, from what the answer itself holds. */
function voteOf({ id, binding }: ApprovalView, vote: ApprovalView['votes'][number]): string {
  const { by, at, reason, verdict, signature } = vote;
  const said = `${by} at ${at} ${safeText(reason)}`.trimEnd();
  if (signature === undefined) return `${said} (not signed)`;
  const good = verifies({ approval: id, binding, verdict, reason }, signature);
  return good ? `${said} (signed, key ${signature.fingerprint.slice(0, 16)})` : `${said} (WRONG SIGNATURE)`;
}

function endOf({ ended, endedBy, endReason }: ApprovalView): string {
  const by = endedBy === undefined ? '' : ` by ${endedBy}`;
  return `${ended ?? ''}${by}${endReason === undefined ? '' : `: ${endReason}`}`;
}
