import type { Body, Say } from './body.ts';

interface Grant {
  readonly requester: unknown;
  /** People other than the requester whose agreement stands in the log. */
  agreed: boolean;
  readonly emergency: boolean;
  reviewed: boolean;
  claims: number;
  /** The call that the newest claim names. */
  call: unknown;
  uses: number;
}

/**
 * Shells, and whatever else went out under an approval: each was asked for, agreed to by somebody else or started under a
 * review, claimed once, and used by the call that claimed it. Memory grows with the number of approvals.
 */
export class GrantCheck {
  readonly #grants = new Map<string, Grant>();
  /** True when the log begins later than with record 0. */
  readonly #pruned: boolean;

  constructor(pruned: boolean) {
    this.#pruned = pruned;
  }

  /** Takes one record, in the order of the log. */
  take(body: Body, say: Say): void {
    const id = body['approvalId'];
    const kind = body['kind'];
    if (kind === 'call.intent') {
      if (typeof id === 'string') this.#use(id, body, say);
      else if (body['risk'] === 'shell') say('gap', 'a shell was opened without an approval');
      return;
    }
    if (typeof id !== 'string') return;
    const details = (body['details'] ?? {}) as Body;
    if (kind === 'approval.requested') {
      const emergency = details['emergency'] === true;
      const grant = { agreed: false, emergency, reviewed: false, claims: 0, call: undefined, uses: 0 };
      // A request that was not raised, because there was one already, may come again under the same name.
      if (!this.#grants.has(id)) this.#grants.set(id, { requester: details['requester'], ...grant });
      return;
    }
    const grant = this.#grants.get(id);
    if (grant === undefined) return;
    if (kind === 'review.opened') grant.reviewed = true;
    if (kind === 'approval.decided' && details['verdict'] === 'approve' && details['outcome'] === 'accepted') {
      grant.agreed ||= body['principal'] !== grant.requester;
    }
    if (kind === 'approval.claimed') this.#claim(id, grant, body, say);
  }

  #claim(id: string, grant: Grant, body: Body, say: Say): void {
    grant.claims += 1;
    grant.call = body['callId'];
    if (grant.claims > 1) say('altered', `approval ${id} was claimed before`);
    if (grant.emergency) {
      if (!grant.reviewed) say('gap', `emergency ${id} has no review`);
    } else if (!grant.agreed) say('gap', `approval ${id} was claimed, and nobody else agreed to it`);
  }

  #use(id: string, body: Body, say: Say): void {
    const grant = this.#grants.get(id);
    if (grant === undefined) {
      if (!this.#pruned) say('gap', `approval ${id} was used and never asked for`);
      return;
    }
    grant.uses += 1;
    if (grant.uses > 1) say('altered', `approval ${id} was used before`);
    else if (grant.claims === 0 || grant.call !== body['callId'])
      say('gap', `approval ${id} was used without having been claimed`);
  }
}
