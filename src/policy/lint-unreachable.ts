import { setImmediate } from 'node:timers/promises';
import { type ActionTable, coversAction } from './actions.ts';
import { coversPath, coversSegment } from './glob.ts';
import type { Policy } from './load.ts';
import { effects, formatRef, type Rule } from './rule.ts';
import { coversSelector } from './selector.ts';

/**
 * Rules that can never decide anything, because another rule that its holders also have covers all of it and is stricter,
 * or says the same. May miss some, never reports a rule that matters.
 */
export async function findUnreachable(
  policy: Policy,
  actions: ActionTable,
): Promise<readonly { readonly rule: Rule; readonly message: string }[]> {
  const bySubject = Map.groupBy(policy.rules, rule => rule.subject);
  const actionCovers = cachedCovers(actions);
  const found: { rule: Rule; message: string }[] = [];
  for (const [index, rule] of policy.rules.entries()) {
    if (index % 50 === 49) await setImmediate();
    const rivals = policy.roles.closure(rule.subject).flatMap(name => bySubject.get(name) ?? []);
    const winner = rivals.find(
      other => other !== rule && outranks(other, rule) && coversAll(other, rule, actionCovers),
    );
    if (winner === undefined) continue;
    // Two rules of one subject that cover each other and agree: only the later one is superfluous.
    if (
      winner.subject === rule.subject &&
      winner.effect === rule.effect &&
      winner.order > rule.order &&
      coversAll(rule, winner, actionCovers)
    )
      continue;
    const how = winner.effect === rule.effect ? 'says the same and more' : `says ${winner.effect} for all of it`;
    found.push({ rule, message: `never decides: ${formatRef(winner.ref)} ${how}` });
  }
  return found;
}

function outranks(other: Rule, rule: Rule): boolean {
  return effects.indexOf(other.effect) >= effects.indexOf(rule.effect);
}

function coversAll(wide: Rule, narrow: Rule, actionCovers: (wide: string, narrow: string) => boolean): boolean {
  return (
    actionCovers(wide.action, narrow.action) &&
    coversSegment(wide.cluster, narrow.cluster) &&
    coversSelector(wide.selector, narrow.selector) &&
    coversPath(wide.resource, narrow.resource)
  );
}

function cachedCovers(actions: ActionTable): (wide: string, narrow: string) => boolean {
  const known = new Map<string, Map<string, boolean>>();
  return (wide, narrow) => {
    const row = known.get(wide) ?? new Map<string, boolean>();
    known.set(wide, row);
    const cached = row.get(narrow);
    if (cached !== undefined) return cached;
    const covers = coversAction(wide, narrow, actions);
    row.set(narrow, covers);
    return covers;
  };
}
