import type { Decision, PolicyQuestion } from '../core/decision.ts';
import { type ActionTable, askedAction, hasFloor } from './actions.ts';
import type { CompiledRules, SubjectIndex } from './compile.ts';
import type { Slot } from './resource-trie.ts';
import type { Rule } from './rule.ts';
import { searchTargets, type TargetQuestion } from './target-index.ts';

/** Decides for a caller, or (in cases) for any named subjects such as a role. Never throws. */
export type DecideFor = (question: PolicyQuestion, subjects?: readonly string[]) => Decision;

/** Turns compiled rules into the function that decides calls. One question costs about a microsecond, however many rules. */
export function createDecide(compiled: CompiledRules, actions: ActionTable, revision: string): DecideFor {
  const keysOf = actionKeys(actions);
  const search = createSearch(compiled);
  const noRule: Decision = { effect: 'deny', reason: 'no-rule', rule: undefined, revision };
  const failed: Decision = { effect: 'deny', reason: 'policy-error', rule: undefined, revision };
  const answers = new Map<Rule, Answers>();

  return (question, subjects) => {
    try {
      const keys = keysOf(question.action, question.risk);
      if (keys === undefined) return failed;
      const rule = search(question, keys, subjects);
      if (rule === undefined) return noRule;
      let answer = answers.get(rule);
      if (answer === undefined) answers.set(rule, (answer = answersFor(rule, revision)));
      return hasFloor(question) ? answer.floored : answer.plain;
    } catch {
      // Whatever broke, an undecided call is a refused call.
      return failed;
    }
  };
}

/** Decisions are the same object each time a rule decides, so that deciding makes no garbage. */
interface Answers {
  readonly plain: Decision;
  /** Where somebody else must agree: an allowing rule becomes one that asks for approval. */
  readonly floored: Decision;
}

function answersFor(rule: Rule, revision: string): Answers {
  if (rule.effect === 'deny') {
    const denied: Decision = { effect: 'deny', reason: 'rule', rule: rule.ref, revision };
    return { plain: denied, floored: denied };
  }
  const approve: Decision = { effect: 'approve', rule: rule.ref, floor: rule.effect === 'allow', revision };
  if (rule.effect === 'approve') return { plain: approve, floored: approve };
  return { plain: { effect: 'allow', rule: rule.ref, revision }, floored: approve };
}

/** The texts under which rules for an action are kept; undefined for an action that no table has. */
function actionKeys(actions: ActionTable): (action: string, risk: string) => readonly string[] | undefined {
  const known = new Map<string, Map<string, readonly string[]>>();
  return (action, risk) => {
    const cached = known.get(action)?.get(risk);
    if (cached !== undefined) return cached;
    const asked = askedAction(actions, action, risk);
    if (asked === undefined) return undefined;
    const keys = [action, `area:${asked.area}`];
    if (!asked.own) keys.push(`class:${risk}`, '*');
    known.set(action, (known.get(action) ?? new Map<string, readonly string[]>()).set(risk, keys));
    return keys;
  };
}

type Search = (
  question: PolicyQuestion,
  keys: readonly string[],
  subjects: readonly string[] | undefined,
) => Rule | undefined;

/** Finds the rule that decides: the strongest effect, and among those the first in file order. */
function createSearch({ subjects: known }: CompiledRules): Search {
  let best: Rule | undefined;
  const visit = (slot: Slot) => {
    const rule = slot.deny ?? slot.approve ?? slot.allow;
    if (rule !== undefined && (best === undefined || beats(rule, best))) best = rule;
  };
  const target: TargetQuestion = { cluster: '', node: '', labels: {}, segments: [] };
  const visitSubject = (subject: string, keys: readonly string[]) => {
    for (const index of known.get(subject) ?? nothing) {
      for (const key of keys) {
        const targets = index.get(key);
        if (targets !== undefined) searchTargets(targets, target, visit);
      }
    }
  };
  return (question, keys, subjects) => {
    best = undefined;
    target.cluster = question.cluster;
    target.node = question.node;
    target.labels = question.labels;
    target.segments = question.resource.split('/');
    if (subjects !== undefined) {
      for (const subject of subjects) visitSubject(subject, keys);
      return best;
    }
    const { id, kind, groups } = question.principal;
    visitSubject(kind === 'machine' ? `machine:${id}` : `user:${id}`, keys);
    for (const group of groups) visitSubject(`group:${group}`, keys);
    return best;
  };
}

const nothing: readonly SubjectIndex[] = [];

function beats(rule: Rule, other: Rule): boolean {
  if (rule.effect === other.effect) return rule.order < other.order;
  return rule.effect === 'deny' || (rule.effect === 'approve' && other.effect === 'allow');
}
