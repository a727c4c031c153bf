import { insertRule } from './resource-trie.ts';
import type { Roles } from './roles.ts';
import type { Rule } from './rule.ts';
import { emptyTargetIndex, type TargetIndex, trieFor } from './target-index.ts';

/** Rules of one subject by the text of their action field: `logs.read`, `class:read`, `area:etcd`, `*`. */
export type SubjectIndex = ReadonlyMap<string, TargetIndex>;

/**
 * The rules again, arranged so that a question only touches those that can match it: by subject, action field, cluster,
 * node and resource. Means exactly what Casbin means by model and rules; a property test holds it to that.
 */
export interface CompiledRules {
  /** For each subject that a caller can have: its own rules and those of the roles it reaches. */
  readonly subjects: ReadonlyMap<string, readonly SubjectIndex[]>;
}

/** How many rules are arranged, or subjects joined, before the event loop gets a turn. About a millisecond of work. */
const chunk = 250;

/** Builds the index. `breathe` is awaited now and then so that calls go on while thousands of rules are compiled. */
export async function compileRules(
  rules: readonly Rule[],
  roles: Roles,
  breathe: () => Promise<void>,
): Promise<CompiledRules> {
  const own = new Map<string, Map<string, TargetIndex>>();
  for (const [count, rule] of rules.entries()) {
    if (count % chunk === chunk - 1) await breathe();
    insertRule(trieFor(targetsOf(own, rule), rule), rule);
  }
  const subjects = new Map<string, readonly SubjectIndex[]>();
  let count = 0;
  for (const subject of new Set([...own.keys(), ...roles.subjects])) {
    count += 1;
    if (count % chunk === 0) await breathe();
    const indexes = roles.closure(subject).flatMap(name => own.get(name) ?? []);
    if (indexes.length > 0) subjects.set(subject, indexes);
  }
  return { subjects };
}

function targetsOf(own: Map<string, Map<string, TargetIndex>>, rule: Rule): TargetIndex {
  let actions = own.get(rule.subject);
  if (actions === undefined) own.set(rule.subject, (actions = new Map<string, TargetIndex>()));
  let targets = actions.get(rule.action);
  if (targets === undefined) actions.set(rule.action, (targets = emptyTargetIndex()));
  return targets;
}
