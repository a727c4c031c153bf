import type { PolicyQuestion } from '../../../src/core/decision.ts';
import type { ActionTable } from '../../../src/policy/actions.ts';
import { type CompiledRules, compileRules } from '../../../src/policy/compile.ts';
import { createDecide, type DecideFor } from '../../../src/policy/decide.ts';
import { emptyRuleSet, parseRuleLine, type RuleSet } from '../../../src/policy/parse-rules.ts';
import { buildRoles, type Roles } from '../../../src/policy/roles.ts';

/** A small node API: enough areas and classes to tell them apart. */
export const actions: ActionTable = new Map([
  ['logs.read', { risk: 'read', area: 'logs' }],
  ['logs.dmesg', { risk: 'read', area: 'logs' }],
  ['events.read', { risk: 'read', area: 'events' }],
  ['node.version', { risk: 'read', area: 'node' }],
  ['node.reboot', { risk: 'destructive', area: 'node' }],
  ['config.apply', { risk: 'write', area: 'config' }],
  ['image.pull', { risk: 'write', area: 'image' }],
  ['file.read', { risk: 'credential', area: 'file' }],
  ['resource.get', { risk: 'read', area: 'resource' }],
  ['resource.list', { risk: 'read', area: 'resource' }],
  ['resource.get-sensitive', { risk: 'credential', area: 'resource' }],
  ['debug.run', { risk: 'shell', area: 'debug' }],
]);

/** Reads lines as one file `p/x.csv`; line numbers count from 1. */
export function parse(...lines: string[]): RuleSet {
  const set = emptyRuleSet();
  lines.forEach((line, index) => parseRuleLine(line, 'p/x.csv', index + 1, actions, set));
  return set;
}

export interface Built {
  readonly set: RuleSet;
  readonly roles: Roles;
  readonly compiled: CompiledRules;
  readonly decide: DecideFor;
}

/** Parses and compiles lines; throws when they hold a mistake. */
export async function build(...lines: string[]): Promise<Built> {
  const set = parse(...lines);
  const { roles, problems } = buildRoles(set.links);
  const problem = set.problems[0] ?? problems[0];
  if (problem !== undefined) throw new Error(`line ${problem.line}: ${problem.message}`);
  const compiled = await compileRules(set.rules, roles, () => Promise.resolve());
  return { set, roles, compiled, decide: createDecide(compiled, actions, 'rev') };
}

/** A question by a person about worker-1, with what the test cares about put in its place. */
export function ask(changes: Partial<PolicyQuestion> & { as?: string; groups?: readonly string[] }): PolicyQuestion {
  const { as = 'alice', groups = [], ...rest } = changes;
  const action = rest.action ?? 'logs.read';
  return {
    principal: { id: as, kind: 'person', groups },
    cluster: 'prod',
    node: 'worker-1',
    labels: { role: 'worker', zone: 'a' },
    action,
    risk: actions.get(action)?.risk ?? 'read',
    resource: 'logs/system/kubelet',
    approvalFloor: false,
    ...rest,
  };
}
