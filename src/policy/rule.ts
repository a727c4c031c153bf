import type { RuleRef } from '../core/decision.ts';
import type { PathGlob, SegmentGlob } from './glob.ts';
import type { Selector } from './selector.ts';

/** From weakest to strongest: where several rules match, the strongest effect decides. */
export const effects = ['allow', 'approve', 'deny'] as const;
export type Effect = (typeof effects)[number];

/** One `p` line, checked and normalised. */
export interface Rule {
  /** Position over all files in name order, from 0. Among rules of equal effect the first one is named as the reason. */
  readonly order: number;
  readonly ref: RuleRef;
  readonly subject: string;
  readonly cluster: SegmentGlob;
  readonly selector: Selector;
  readonly action: string;
  readonly resource: PathGlob;
  readonly effect: Effect;
  /** Text after `#`, without it. */
  readonly comment: string;
}

/** One `g` line: whoever is `subject` also is `role`. */
export interface Link {
  readonly ref: RuleRef;
  readonly subject: string;
  readonly role: string;
}

/** `policies/policy.csv:12`. */
export function formatRef(ref: RuleRef): string {
  return `${ref.file}:${ref.line}`;
}
