import type { ApprovalQuorum } from './approval.ts';
import type { PolicyQuestion } from './decision.ts';

/** What a reason has to look like, and how to tell people. */
export interface ReasonRule {
  /** Completes "the reason must hold …": `an incident number such as INC-4711`. */
  readonly expected: string;
  /** Takes time linear in the text, whatever the text. */
  readonly matches: (text: string) => boolean;
}

/** What an approval takes, as policy says. Times in milliseconds; undefined: as configured. */
export interface ApprovalTerms {
  readonly quorum: ApprovalQuorum;
  /** Undefined: any reason will do. */
  readonly reason: ReasonRule | undefined;
  /** Who decides has to say why. */
  readonly decisionReason: boolean;
  /** Only decisions signed with a client certificate count. */
  readonly signedDecisions: boolean;
  readonly pendingMs: number | undefined;
  readonly claimWindowMs: number | undefined;
  readonly sessionMs: number | undefined;
}

/** One approval by anybody who may decide; one denial ends it. */
export const onePerson: ApprovalQuorum = { approvals: [{ group: undefined, count: 1 }], denials: 1 };

/** What holds where policy says nothing else. */
export const plainTerms: ApprovalTerms = {
  quorum: onePerson,
  reason: undefined,
  decisionReason: false,
  signedDecisions: false,
  pendingMs: undefined,
  claimWindowMs: undefined,
  sessionMs: undefined,
};

/** Says what an approval of the asked call takes. Never throws for a question that policy could decide. */
export type TermsFor = (question: PolicyQuestion) => ApprovalTerms;

/** What a request about several things takes: all that each of them asks for, the shortest times, the fewest denials. */
export function joinTerms(all: readonly ApprovalTerms[]): ApprovalTerms {
  const distinct = [...new Set(all)].filter(terms => terms !== plainTerms);
  const [first, ...others] = distinct;
  return others.reduce(join, first ?? plainTerms);
}

function join(one: ApprovalTerms, other: ApprovalTerms): ApprovalTerms {
  return {
    quorum: {
      approvals: [...one.quorum.approvals, ...other.quorum.approvals],
      denials: Math.min(one.quorum.denials, other.quorum.denials),
    },
    reason: bothReasons(one.reason, other.reason),
    decisionReason: one.decisionReason || other.decisionReason,
    signedDecisions: one.signedDecisions || other.signedDecisions,
    pendingMs: shorter(one.pendingMs, other.pendingMs),
    claimWindowMs: shorter(one.claimWindowMs, other.claimWindowMs),
    sessionMs: shorter(one.sessionMs, other.sessionMs),
  };
}

function bothReasons(one: ReasonRule | undefined, other: ReasonRule | undefined): ReasonRule | undefined {
  if (one === undefined || other === undefined || one === other) return one ?? other;
  return {
    expected: `${one.expected} and ${other.expected}`,
    matches: text => one.matches(text) && other.matches(text),
  };
}

function shorter(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}
