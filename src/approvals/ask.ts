import type { Approval } from '../core/approval.ts';
import { type ApprovalTexts, runAgainAfterApproval, subjectOf, whereToDecide } from './lines.ts';
import type { ApprovalStore, NewApproval } from './store.ts';

/** Whether a call that is not kept on the line has its grant. `message` is for a FAILED_PRECONDITION. */
export type AskResult =
  | { readonly kind: 'granted'; readonly approval: Approval }
  | { readonly kind: 'needs-approval'; readonly approvalId: string; readonly message: string };

/**
 * Finds an unused grant for the call, or finds or raises the request for one and says where to decide. The grant is
 * still to be claimed. Rejects as the store does.
 */
export async function askForGrant(options: {
  readonly store: Pick<ApprovalStore, 'request'>;
  readonly request: Omit<NewApproval, 'reason'>;
  readonly texts: ApprovalTexts;
}): Promise<AskResult> {
  const { store, request, texts } = options;
  const approval = await store.request({ ...request, reason: '' });
  if (approval.state === 'approved') return { kind: 'granted', approval };
  const { id } = approval;
  const where = whereToDecide(id, texts);
  const hint = where === '' ? '' : ` (${where})`;
  const message = `${subjectOf(request)} needs approval: request ${id} is open${hint}; ${runAgainAfterApproval}`;
  return { kind: 'needs-approval', approvalId: id, message };
}
