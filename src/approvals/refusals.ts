import type { Approval } from '../core/approval.ts';
import { GateError } from '../core/gate-error.ts';
import { printable } from '../core/printable.ts';
import type { ApprovalRefusal } from './states.ts';

/** Says to a person why what they asked of an approval was not done, and what to do instead. */
export function refusalError(reason: ApprovalRefusal, id: string, approval: Approval | undefined): GateError {
  switch (reason) {
    case 'not-found':
      return new GateError('not-found', `there is no approval ${printable(id, 40)}; see: talosgate approvals list`);
    case 'own-request':
      return new GateError('conflict', `${id} is your own request; an approval must come from somebody else`);
    case 'voted-already':
      return new GateError('conflict', `you have decided on ${id} already; a vote cannot be changed`);
    case 'not-requester':
      return new GateError('conflict', `${id} was raised by somebody else; deny it instead`);
    case 'lapsed':
      return new GateError('conflict', `${id} has lapsed; its requester has to ask anew`);
    case 'not-pending':
      return new GateError('conflict', `${id} is ${stateOf(approval)}; there is nothing left to decide`);
    case 'not-approved':
      return new GateError('conflict', `${id} is ${stateOf(approval)}, not an unused grant`);
    case 'not-claimed':
      return new GateError('conflict', `${id} is ${stateOf(approval)}, nothing runs on it`);
    case 'other-binding':
      return new GateError('conflict', `${id} is for another request; the request has to be asked for by itself`);
    case 'too-early':
      return new GateError('conflict', `${id} may be used ${fromWhen(approval)}; run the same again then`);
    case 'reason-needed':
      return new GateError('conflict', `a decision on ${id} needs a reason; say why with --reason`);
    case 'signature-needed':
      return new GateError(
        'conflict',
        `a decision on ${id} has to be signed; decide with talosgate approvals, logged in with a client certificate`,
      );
    case 'bad-signature':
      return new GateError('denied', `the signature of the decision on ${id} is not that of your client certificate`);
    case 'not-lapsed':
      return new GateError('conflict', `${id} has not lapsed yet`);
  }
}

function fromWhen(approval: Approval | undefined): string {
  return approval?.notBefore === undefined ? 'later' : `from ${new Date(approval.notBefore).toISOString()} on`;
}

function stateOf(approval: Approval | undefined): string {
  return approval === undefined ? 'gone' : approval.state;
}
