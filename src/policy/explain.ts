import type { PolicyQuestion, RuleRef } from '../core/decision.ts';
import { type ActionTable, hasFloor } from './actions.ts';
import type { Policy } from './load.ts';
import { askedOf, fits, subjectsOf } from './question.ts';
import { normalizeResource } from './resource.ts';
import { type Effect, formatRef, type Link } from './rule.ts';

/** A rule that matches the question, and how the caller came to be its subject. */
interface Match {
  readonly rule: RuleRef;
  readonly effect: Effect;
  /** True for the one rule that decides. */
  readonly decides: boolean;
  /** What the caller is by themselves: `user:alice@example.com`, or the group that led here. */
  readonly from: string;
  readonly subject: string;
  /** The links from `from` to `subject`, in order; empty when the rule names the caller or the group itself. */
  readonly path: readonly Link[];
}

/** Why a question is answered as it is. Names other people's rules only where they match the one who asks. */
export interface Explanation {
  readonly question: PolicyQuestion;
  readonly revision: string;
  readonly effect: Effect;
  readonly reason: 'rule' | 'no-rule' | 'policy-error';
  /** True when a rule allows it and the action's approval floor asks for somebody else all the same. */
  readonly floor: boolean;
  /** Undefined for an action that nobody knows. */
  readonly area: string | undefined;
  /** Every subject that rules could have named: the caller, their groups, and all roles these lead to. */
  readonly subjects: readonly string[];
  /** Strongest first, then in file order. */
  readonly matches: readonly Match[];
}

/** Explains one decision by trying every rule in turn. Slow on purpose: it does not use the index it explains. */
export function explainQuestion(
  policy: Pick<Policy, 'rules' | 'roles' | 'decide'>,
  actions: ActionTable,
  asked: PolicyQuestion,
): Explanation {
  const question = { ...asked, resource: normalizeResource(asked.resource) };
  const decision = policy.decide(question);
  const subjects = subjectsOf(question.principal);
  const holders = new Map<string, string>();
  for (const from of subjects) {
    for (const subject of policy.roles.closure(from)) if (!holders.has(subject)) holders.set(subject, from);
  }
  const words = askedOf(question, actions);
  const matching =
    words === undefined ? [] : policy.rules.filter(rule => holders.has(rule.subject) && fits(rule, words));
  const matches = matching.map(rule => {
    const from = holders.get(rule.subject) ?? rule.subject;
    const path = policy.roles.path(from, rule.subject) ?? [];
    const decides = rule.ref.file === decision.rule?.file && rule.ref.line === decision.rule.line;
    return { rule: rule.ref, effect: rule.effect, decides, from, subject: rule.subject, path };
  });
  return {
    question,
    revision: decision.revision,
    effect: decision.effect,
    reason: decision.effect === 'deny' ? decision.reason : 'rule',
    floor: hasFloor(question) && decision.effect === 'approve' && decision.floor,
    area: words?.action.area,
    subjects: [...holders.keys()],
    matches: matches.sort((a, b) => strength[a.effect] - strength[b.effect]),
  };
}

const strength: Readonly<Record<Effect, number>> = { deny: 0, approve: 1, allow: 2 };

/** An explanation for a terminal: what is asked, what comes of it, and every rule that had a say. */
export function renderExplanation(explanation: Explanation): string {
  const { question, effect, reason, floor, area, matches } = explanation;
  const labels = Object.entries(question.labels).map(([name, value]) => `${name}=${value}`);
  const lines = [
    `${effect.toUpperCase()}  ${question.action} on ${question.resource}`,
    `  caller    ${subjectsOf(question.principal).join(', ')}`,
    `  node      ${question.node} (cluster ${question.cluster}${labels.length > 0 ? `; ${labels.join(', ')}` : ''})`,
    `  action    class:${question.risk}, ${area === undefined ? 'unknown to this gateway' : `area:${area}`}`,
    `  roles     ${explanation.subjects.filter(name => name.startsWith('role:')).join(', ') || 'none'}`,
    `  revision  ${explanation.revision.slice(0, 12)}`,
  ];
  if (reason === 'no-rule') lines.push('  No rule matches, and what no rule allows is refused.');
  if (reason === 'policy-error') lines.push('  The question could not be decided, so it is refused.');
  if (floor) lines.push('  A rule allows it, but this action never runs without somebody else: allow becomes approve.');
  for (const match of matches) {
    lines.push(`${match.decides ? '->' : '  '} ${match.effect.padEnd(8)}${formatRef(match.rule)}  ${match.rule.text}`);
    lines.push(`            because ${becauseOf(match)}`);
  }
  return `${lines.join('\n')}\n`;
}

function becauseOf({ from, path }: Match): string {
  if (path.length === 0) return `the caller is ${from}`;
  const steps = path.map(link => `${link.role} (${formatRef(link.ref)})`);
  return `the caller is ${from}, and so ${steps.join(', and so ')}`;
}
