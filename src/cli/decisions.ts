import { createPrivateKey, sign } from 'node:crypto';
import type { Command } from 'commander';
import { decisionBytes } from '../core/decision-statement.ts';
import { GateError } from '../core/gate-error.ts';
import { type ApprovalView, oneLine } from './approval-view.ts';
import { type ClientOptions, type ClientSettings, callApi, clientSettings } from './client.ts';
import { withClientOptions } from './client-options.ts';
import type { CliContext } from './context.ts';
import { safeText } from './output.ts';
import { readText } from './read-file.ts';

type Verdict = 'approve' | 'deny';

/** `talosgate approvals approve|deny|withdraw|revoke|cancel`: everything that changes a request. */
export function decisionCommands(approvals: Command, context: Pick<CliContext, 'output' | 'env'>): void {
  decision(approvals, 'approve', 'agree to a request of somebody else', context);
  decision(approvals, 'deny', 'refuse a request of somebody else', context);
  ending(approvals, 'withdraw', 'take back a grant that was not used yet', context);
  ending(approvals, 'revoke', 'end what runs on a grant, now', context);
  ending(approvals, 'cancel', 'take back a request or grant of your own', context);
}

function decision(
  parent: Command,
  verdict: Verdict,
  text: string,
  { output, env }: Pick<CliContext, 'output' | 'env'>,
): void {
  withClientOptions(parent.command(`${verdict} <id>`).description(text))
    .option('-m, --reason <text>', 'why; the requester and the audit log see it', '')
    .action(async (id: string, options: ClientOptions & { reason: string }) => {
      if (verdict === 'deny' && options.reason === '') {
        throw new GateError('bad-request', 'say why with --reason, so that the requester knows what to change');
      }
      const settings = clientSettings(options, env);
      const path = `/api/v1/approvals/${encodeURIComponent(id)}`;
      const signature = await signed(settings, path, verdict, options.reason);
      const body = { verdict, reason: options.reason, ...(signature === undefined ? {} : { signature }) };
      const answer = (await callApi(settings, 'POST', `${path}/decision`, body)) as ApprovalView;
      output.out(safeText(oneLine(answer)));
    });
}

function ending(
  parent: Command,
  what: 'withdraw' | 'revoke' | 'cancel',
  text: string,
  { output, env }: Pick<CliContext, 'output' | 'env'>,
): void {
  withClientOptions(parent.command(`${what} <id>`).description(text))
    .option('-m, --reason <text>', 'why; whoever is concerned and the audit log see it', '')
    .action(async (id: string, options: ClientOptions & { reason: string }) => {
      const path = `/api/v1/approvals/${encodeURIComponent(id)}/${what}`;
      const answer = await callApi(clientSettings(options, env), 'POST', path, { reason: options.reason });
      output.out(safeText(oneLine(answer as ApprovalView)));
    });
}

/** The decision's signature with the key of the client certificate, base64; undefined without such a key. */
async function signed(
  settings: ClientSettings,
  path: string,
  verdict: Verdict,
  reason: string,
): Promise<string | undefined> {
  if (settings.certificate === undefined || settings.key === undefined) return undefined;
  const { id, binding } = (await callApi(settings, 'GET', path)) as ApprovalView;
  const key = createPrivateKey(readText(settings.key));
  const algorithm = key.asymmetricKeyType?.startsWith('ed') === true ? null : 'sha256';
  return sign(algorithm, decisionBytes({ approval: id, binding, verdict, reason }), key).toString('base64');
}
