import type { Command } from 'commander';
import { GateError } from '../core/gate-error.ts';
import { type ClientOptions, callApi, clientSettings } from './client.ts';
import { withClientOptions } from './client-options.ts';
import type { CliContext } from './context.ts';
import { type Output, safeText, table } from './output.ts';

interface ApprovalView {
  readonly id: string;
  readonly state: string;
  readonly requester: string;
  readonly cluster: string;
  readonly node: string;
  readonly method: string;
  readonly action: string;
  readonly resource: string;
  readonly binding: string;
  readonly summary: Readonly<Record<string, unknown>>;
  readonly reason: string;
  readonly created: string;
  readonly expires: string;
  readonly votes: readonly { by: string; verdict: string; reason: string; at: string }[];
}

/** `talosgate approvals list|show|approve|deny`: the second person's side of a gated call. */
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
  decision(approvals, 'approve', 'agree to a request of somebody else', output, env);
  decision(approvals, 'deny', 'refuse a request of somebody else', output, env);
}

function decision(
  parent: Command,
  verdict: 'approve' | 'deny',
  text: string,
  output: Output,
  env: NodeJS.ProcessEnv,
): void {
  withClientOptions(parent.command(`${verdict} <id>`).description(text))
    .option('-m, --reason <text>', 'why; the requester and the audit log see it', '')
    .action(async (id: string, options: ClientOptions & { reason: string }) => {
      if (verdict === 'deny' && options.reason === '') {
        throw new GateError('bad-request', 'say why with --reason, so that the requester knows what to change');
      }
      const path = `/api/v1/approvals/${encodeURIComponent(id)}/decision`;
      const answer = (await callApi(clientSettings(options, env), 'POST', path, {
        verdict,
        reason: options.reason,
      })) as ApprovalView;
      const { id: decided, state, requester, node, action, resource } = answer;
      output.out(safeText(`${decided} is ${state}: ${requester} on ${node}, ${action} ${resource}`));
    });
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
    ...approval.votes.map(vote => [`vote ${vote.verdict}`, `${vote.by} at ${vote.at} ${safeText(vote.reason)}`]),
  ];
  output.out(safeText(approval.id));
  for (const line of table(
    ['', ''],
    rows.map(([name, value]) => [`  ${name ?? ''}`, value ?? '']),
  ).slice(1))
    output.out(line);
}
