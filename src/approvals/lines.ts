import type { Approval } from '../core/approval.ts';
import { printable } from '../core/printable.ts';

// What requesters read. The words arg(s), flag and command must never stand here: talosctl prints its usage screen on
// them (cmd/talosctl/cmd/root.go). Status messages therefore carry nobody's free text, lines on a terminal may.

/** What a deployment says about its approvers. */
export interface ApprovalTexts {
  /** Who to ask: `platform-leads`. */
  readonly approvers: string | undefined;
  /** Start of links, without the path: `https://talosgate.example.com`. */
  readonly baseUrl: string | undefined;
}

/** What a request is about, in words: `a debug container on worker-1`. */
export function subjectOf(request: { readonly action: string; readonly node: string }): string {
  const what = request.action === 'debug.run' ? 'a debug container' : printable(request.action, 100);
  return `${what} on ${printable(request.node, 253)}`;
}

/** Where to decide: `approvers: platform-leads; https://talosgate.example.com/approvals/dbg-7k3f9`. Empty without hints. */
export function whereToDecide(id: string, texts: ApprovalTexts): string {
  const approvers = texts.approvers === undefined ? [] : [`approvers: ${printable(texts.approvers, 100)}`];
  const link = texts.baseUrl === undefined ? [] : [`${texts.baseUrl.replace(/\/+$/, '')}/approvals/${id}`];
  return [...approvers, ...link].join('; ');
}

/** `request dbg-7k3f9 raised; approvers: platform-leads; https://...` */
export function openRequestLine(approval: Approval, raised: boolean, texts: ApprovalTexts): string {
  const where = whereToDecide(approval.id, texts);
  return `request ${approval.id} ${raised ? 'raised' : 'is open already'}${where === '' ? '' : `; ${where}`}`;
}

/** `approved by carol@example.com ("ok, 30 min")`, with what approvers said. For terminals only. */
export function verdictLine(approval: Approval): string {
  const verdict = approval.state === 'denied' ? 'deny' : 'approve';
  const votes = approval.votes.filter(vote => vote.verdict === verdict);
  const people = votes.map(vote => {
    const reason = printable(vote.reason, 200).trim();
    return reason === '' ? printable(vote.by, 100) : `${printable(vote.by, 100)} ("${reason}")`;
  });
  return `${verdict === 'deny' ? 'denied' : 'approved'} by ${people.join(' and ')}`;
}

/** What to do about a request that waits, for whoever is not kept on the line. */
export const runAgainAfterApproval = 'run the same again after approval';

/** What to do when a request has come to its end without a grant. */
export const runAgainToAskAnew = 'nothing was started; run the same again to ask anew';

/** How to give a reason where nobody can be asked for one. */
export const askBeforehand = 'ask for it with: talosgate request, see talosgate request --help';
