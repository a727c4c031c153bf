import type { Approval } from '../core/approval.ts';
import type { Decision } from '../core/decision.ts';
import type { Target } from '../core/target.ts';

/** A target of a call with what policy said about it. */
export interface Leg {
  /** Position among the targets of the call, from 0. */
  readonly index: number;
  readonly target: Target;
  readonly decision: Decision;
  /** The resource that the decision is about: where the call is about several, the one that is worst off. */
  readonly about: string;
  /** What the node is told that the caller may: the least role with which a node of its version serves the request. */
  readonly talosRole: string;
  /** The approval whose grant this leg uses; claimed together with its intent. */
  readonly grant: Approval | undefined;
}
