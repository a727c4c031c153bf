import { voidVotes } from '../approvals/quorum.ts';
import type { Approval } from '../core/approval.ts';
import type { ApprovalTerms } from '../core/approval-terms.ts';
import { GateError } from '../core/gate-error.ts';
import type { Principal } from '../core/principal.ts';
import type { HttpDependencies } from './dependencies.ts';

type Policy = Pick<HttpDependencies, 'decide' | 'termsFor'>;

const nowhere = { cluster: '-', node: '-', labels: {}, approvalFloor: false } as const;

/** What `approvals.yaml` asks for before records are taken out. Throws GateError `bad-request` for a reason that will not do. */
export function pruneTerms(policy: Policy, principal: Principal, reason: string): ApprovalTerms {
  const terms = termsOf(policy, principal);
  if (terms.reason === undefined || terms.reason.matches(reason.trim())) return terms;
  throw new GateError('bad-request', `the reason must hold ${terms.reason.expected}`);
}

/**
 * As for a call: votes of people who may not decide any more do not count, and what policy asks for by now has to be there.
 * Throws GateError `conflict`. What is not approved at all is left to whoever claims the approval.
 */
export function assertStillAgreed(policy: Policy, principal: Principal, approval: Approval): void {
  if (approval.state !== 'approved') return;
  const mayDecide = (id: string, { groups }: { readonly groups: readonly string[] }): boolean => {
    const voter = { id, kind: 'person', groups } as const;
    const question = { ...nowhere, principal: voter, action: 'approvals.decide', risk: 'write' };
    return policy.decide({ ...question, resource: approval.action }).effect === 'allow';
  };
  if (voidVotes(approval, mayDecide, termsOf(policy, principal).quorum).enough) return;
  throw new GateError('conflict', `approval ${approval.id} is not enough any more; withdraw it and ask anew`);
}

function termsOf({ termsFor }: Policy, principal: Principal): ApprovalTerms {
  return termsFor({ ...nowhere, principal, action: 'audit.prune', risk: 'destructive', resource: 'audit' });
}
