import { setImmediate } from 'node:timers/promises';
import { type ActionTable, hasFloor } from './actions.ts';
import { type Authority, createAuthority } from './casbin.ts';
import { type Case, type CaseResult, runCase } from './cases.ts';
import { loadPolicy, type Policy } from './load.ts';
import { askedOf } from './question.ts';

/**
 * Tries a policy folder without bringing it into force: one result for each case, and one for each mistake that keeps the
 * folder from loading. Every case is also put to Casbin itself, which must say the same.
 */
export async function testPolicy(directory: string, actions: ActionTable): Promise<readonly CaseResult[]> {
  const { policy, problems } = await loadPolicy(directory, actions);
  if (policy === undefined) {
    return problems.map(({ file, line, message }) => ({
      file,
      line,
      description: 'the folder loads',
      ok: false,
      message,
    }));
  }
  const authority = await createAuthority(policy.model, policy.rules, policy.links);
  const results: CaseResult[] = [];
  for (const one of policy.cases) {
    results.push(compare(one, policy, authority, actions));
    await setImmediate();
  }
  return results;
}

function compare(one: Case, policy: Policy, authority: Authority, actions: ActionTable): CaseResult {
  const result = runCase(one, policy.decide);
  const asked = askedOf(one.question, actions);
  if (!result.ok || asked === undefined) return result;
  const { effect } = authority({ ...asked, subjects: one.subjects });
  const final = effect === 'allow' && hasFloor(one.question) ? 'approve' : effect;
  return final === one.expect
    ? result
    : { ...result, ok: false, message: `Casbin says ${final}, which is a bug in talosgate` };
}
