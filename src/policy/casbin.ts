import { type Adapter, type Enforcer, type Model, newEnforcer, newModelFromString } from 'casbin';
import { type AskedAction, matchAction } from './actions.ts';
import { compilePath, compileSegment, matchPath, matchSegment } from './glob.ts';
import type { Asked } from './question.ts';
import { type Effect, effects, type Link, type Rule } from './rule.ts';
import { matchSelector, parseSelector } from './selector.ts';

/** What Casbin says of a question: the effect before any approval floor, and the rule that decides. */
interface Verdict {
  readonly effect: Effect;
  readonly rule: Rule | undefined;
}

/** Casbin over one set of rules. Exact and slow (cost grows with the rules): for cases, tests and proofs, not for calls. */
export type Authority = (asked: Asked) => Verdict;

/** Loads model and rules into Casbin. The rules have been checked; Casbin sees their normalised fields. */
export async function createAuthority(
  model: string,
  rules: readonly Rule[],
  links: readonly Link[],
): Promise<Authority> {
  const enforcer = await newEnforcer(newModelFromString(model), adapterOf(rules, links));
  await addFunctions(enforcer);
  const byFields = new Map(rules.map(rule => [JSON.stringify(fieldsOf(rule)), rule]));
  return asked => {
    const { subjects, cluster, action, resource, node, labels } = asked;
    for (const effect of effects.toReversed()) {
      const request = [{ subjects }, cluster, { node, labels }, action, resource, effect];
      const [yes, fields] = enforcer.enforceExSync(...request);
      if (yes) return { effect, rule: byFields.get(JSON.stringify(fields)) };
    }
    return { effect: 'deny', rule: undefined };
  };
}

async function addFunctions(enforcer: Enforcer): Promise<void> {
  const roles = enforcer.getRoleManager();
  const holds = (who: { subjects: readonly string[] }, subject: string) =>
    who.subjects.some(name => roles.syncedHasLink?.(name, subject) === true);
  const selects = (node: { node: string; labels: Record<string, string> }, text: string) => {
    const selector = parseSelector(text);
    return selector.ok && matchSelector(selector.value, node.node, node.labels);
  };
  await enforcer.addFunction('holds', holds);
  await enforcer.addFunction('named', (name: string, text: string) => matchSegment(compileSegment(text), name));
  await enforcer.addFunction('selects', selects);
  await enforcer.addFunction('does', (action: AskedAction, pattern: string) => matchAction(pattern, action));
  await enforcer.addFunction('about', (resource: string, text: string) =>
    matchPath(compilePath(text), resource.split('/')),
  );
}

function fieldsOf(rule: Rule): string[] {
  return [rule.subject, rule.cluster.text, rule.selector.text, rule.action, rule.resource.text, rule.effect];
}

/**
 * Puts the fields straight into the model. Casbin's own line loader joins fields whose brackets do not balance, and so
 * would read some rules differently from how they are written.
 */
function adapterOf(rules: readonly Rule[], links: readonly Link[]): Adapter {
  const readOnly = () => Promise.reject(new Error('the rules are kept in files'));
  return {
    loadPolicy(model: Model) {
      for (const rule of rules) model.model.get('p')?.get('p')?.policy.push(fieldsOf(rule));
      for (const link of links) model.model.get('g')?.get('g')?.policy.push([link.subject, link.role]);
      return Promise.resolve();
    },
    savePolicy: readOnly,
    addPolicy: readOnly,
    removePolicy: readOnly,
    removeFilteredPolicy: readOnly,
  };
}
