import type { Approval } from '../core/approval.ts';
import { printable } from '../core/printable.ts';
import { type ApprovalTexts, askBeforehand, runAgainAfterApproval, subjectOf, whereToDecide } from './lines.ts';
import type { ApprovalStore, NewApproval } from './store.ts';

/** Whether a call that is not kept on the line has its grant. `message` is for a FAILED_PRECONDITION. */
export type AskResult =
  | { readonly kind: 'granted'; readonly approval: Approval }
  | { readonly kind: 'needs-approval'; readonly approvalId: string | undefined; readonly message: string };

/**
 * Finds an unused grant for the call, or finds or raises the request for one and says where to decide. Where policy wants
 * to see a reason nothing is raised: there is nobody to ask for one. The grant is still to be claimed. Rejects as the store does.
 */
export async function askForGrant(options: {
  readonly store: Pick<ApprovalStore, 'find' | 'request'>;
  readonly request: Omit<NewApproval, 'reason'>;
  readonly texts: ApprovalTexts;
}): Promise<AskResult> {
  const { store, request, texts } = options;
  const expected = request.terms?.reason?.expected;
  const approval =
    expected === undefined ? await store.request({ ...request, reason: '' }) : await store.find(request.binding);
  if (approval === undefined) {
    const message = `${subjectOf(request)} needs approval with a reason (${printable(expected ?? '', 200)}); ${askBeforehand}`;
    return { kind: 'needs-approval', approvalId: undefined, message };
  }
  if (approval.state === 'approved') return { kind: 'granted', approval };
  const { id } = approval;
  const where = whereToDecide(id, texts);
  const hint = where === '' ? '' : ` (${where})`;
  const message = `${subjectOf(request)} needs approval: request ${id} is open${hint}; ${runAgainAfterApproval}`;
  return { kind: 'needs-approval', approvalId: id, message };
}
