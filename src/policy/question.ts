import type { PolicyQuestion } from '../core/decision.ts';
import { type ActionTable, type AskedAction, askedAction, hasFloor, matchAction } from './actions.ts';
import { matchPath, matchSegment } from './glob.ts';
import type { Rule } from './rule.ts';
import { matchSelector } from './selector.ts';

/** One question in the words of rules. Cases may ask for a role itself, calls only ever for people and machines. */
export interface Asked {
  /** `user:alice@example.com`, `group:platform`: what the caller is by themselves, without roles. */
  readonly subjects: readonly string[];
  readonly cluster: string;
  readonly node: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly action: AskedAction;
  readonly resource: string;
  readonly floor: boolean;
}

/** Puts a question into the words of rules; undefined when no table knows the action. */
export function askedOf(question: PolicyQuestion, actions: ActionTable): Asked | undefined {
  const action = askedAction(actions, question.action, question.risk);
  if (action === undefined) return undefined;
  const { cluster, node, labels, resource } = question;
  const floor = hasFloor(question);
  return { subjects: subjectsOf(question.principal), cluster, node, labels, action, resource, floor };
}

/** `user:` or `machine:` for the caller, `group:` for each group of the credential. */
export function subjectsOf(principal: PolicyQuestion['principal']): string[] {
  const self = principal.kind === 'machine' ? `machine:${principal.id}` : `user:${principal.id}`;
  return [self, ...principal.groups.map(group => `group:${group}`)];
}

/** True when everything but the subject of the rule fits the question. The plain meaning, one rule at a time. */
export function fits(rule: Rule, asked: Asked): boolean {
  return (
    matchSegment(rule.cluster, asked.cluster) &&
    matchSelector(rule.selector, asked.node, asked.labels) &&
    matchAction(rule.action, asked.action) &&
    matchPath(rule.resource, asked.resource.split('/'))
  );
}
