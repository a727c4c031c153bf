import { type ActionTable, matchAction, patternMembers } from './actions.ts';
import { bundles, type Need } from './bundles.ts';
import { coversSegment, matchPath } from './glob.ts';
import { findUnreachable } from './lint-unreachable.ts';
import { loadPolicy, type Policy } from './load.ts';
import { formatRef, type Rule } from './rule.ts';
import { coversSelector } from './selector.ts';

/** What lint looks for. A rule whose comment says `lint-ok: <code>` is not reported for that code. */
type LintCode =
  | 'does-not-load'
  | 'unheld-role'
  | 'empty-role'
  | 'unreachable-rule'
  | 'wildcard-on-secrets'
  | 'deny-misses-list'
  | 'one-segment-deny'
  | 'half-bundle';

export interface LintFinding {
  readonly code: LintCode;
  /** An error keeps the policy from loading; a warning is for people. */
  readonly severity: 'error' | 'warning';
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

/** Reads a policy folder and says what its authors probably did not mean. In file order; empty when all is well. */
export async function lintPolicy(directory: string, actions: ActionTable): Promise<readonly LintFinding[]> {
  const { policy, problems } = await loadPolicy(directory, actions);
  if (policy === undefined) {
    return problems.map(({ file, line, message }) => ({
      code: 'does-not-load',
      severity: 'error',
      file,
      line,
      message,
    }));
  }
  const found = [
    ...lintRoles(policy),
    ...(await findUnreachable(policy, actions)).map(({ rule, message }) => finding('unreachable-rule', rule, message)),
    ...policy.rules.flatMap(rule => lintRule(rule, policy, actions)),
    ...lintBundles(policy, actions),
  ];
  const accepted = new Set(
    policy.rules.flatMap(rule => acceptedCodes(rule).map(code => `${code} ${formatRef(rule.ref)}`)),
  );
  const order = new Map(policy.files.map((file, index) => [file.name, index]));
  return found
    .filter(one => !accepted.has(`${one.code} ${one.file}:${one.line}`))
    .sort((a, b) => (order.get(a.file) ?? 0) - (order.get(b.file) ?? 0) || a.line - b.line);
}

/** Roles that nobody can have, and roles that give nothing. */
function lintRoles({ rules, links, roles }: Policy): LintFinding[] {
  const held = new Set(roles.subjects.filter(name => !name.startsWith('role:')).flatMap(name => roles.closure(name)));
  const found: LintFinding[] = [];
  const seen = new Set<string>();
  for (const rule of rules) {
    if (!rule.subject.startsWith('role:') || held.has(rule.subject) || seen.has(rule.subject)) continue;
    seen.add(rule.subject);
    found.push(finding('unheld-role', rule, `nobody has ${rule.subject}; link it with g, or delete its rules`));
  }
  const ruled = new Set(rules.map(rule => rule.subject));
  for (const link of links) {
    if (roles.closure(link.role).some(name => ruled.has(name))) continue;
    found.push(finding('empty-role', link, `no rule is about ${link.role}; look for a slip in the name`));
  }
  return found;
}

function lintRule(rule: Rule, policy: Policy, actions: ActionTable): LintFinding[] {
  const found: LintFinding[] = [];
  const { segments, text } = rule.resource;
  if (rule.effect === 'allow' && isBroadOnSecrets(rule, actions)) {
    const message = `allows secrets or shells by a wildcard; name the action and the resource, or write approve`;
    found.push(finding('wildcard-on-secrets', rule, message));
  }
  if (rule.effect === 'deny' && text === '*') {
    found.push(finding('one-segment-deny', rule, '"*" is one segment, so this denies nothing with a "/"; write **'));
  }
  if (rule.effect !== 'allow' && segments[0]?.text === 'resource' && isOneOfAList(rule, actions)) {
    const list = `${text.slice(0, text.lastIndexOf('/'))}/*`;
    const covered = policy.rules.some(other => stronger(other, rule) && matchPath(other.resource, list.split('/')));
    if (!covered) {
      const message = `listing and watching all of them still shows this one; add a rule for ${list}, too`;
      found.push(finding('deny-misses-list', rule, message));
    }
  }
  return found;
}

/** A rule at least as strict for at least the same callers, nodes and actions as another one of the same subject. */
function stronger(other: Rule, rule: Rule): boolean {
  return (
    (other.effect === 'deny' || other.effect === rule.effect) &&
    other.subject === rule.subject &&
    other.action === rule.action &&
    coversSegment(other.cluster, rule.cluster) &&
    coversSelector(other.selector, rule.selector)
  );
}

const secretRisks = ['credential', 'shell'];

function isBroadOnSecrets(rule: Rule, actions: ActionTable): boolean {
  const { segments } = rule.resource;
  const wide = segments.at(-1) === undefined && segments.length <= 2;
  const shell = patternMembers(rule.action, actions).some(({ risk }) => risk === 'shell');
  if (shell) return wide || segments.some(segment => segment === undefined || segment.pieces.length > 1);
  // A single named action over everything it can be about is a decision, unless its resources differ in weight.
  const named = actions.has(rule.action) && segments.length === 1;
  return wide && !named && patternMembers(rule.action, actions).some(({ risk }) => secretRisks.includes(risk));
}

/** True for a rule about single resources (their last segment is no plain wildcard) whose action can also list them. */
function isOneOfAList(rule: Rule, actions: ActionTable): boolean {
  const last = rule.resource.segments.at(-1);
  if (last === undefined || last.text === '*') return false;
  const lists = ['resource.list', 'resource.watch', 'resource.get', 'resource.get-sensitive'];
  return patternMembers(rule.action, actions).some(({ action }) => lists.includes(action));
}

/** Whoever may start something must also be allowed what talosctl does along the way, on the same nodes. */
function lintBundles(policy: Policy, actions: ActionTable): LintFinding[] {
  const found = new Map<string, LintFinding>();
  const subjects = new Set([...policy.roles.subjects, ...policy.rules.map(rule => rule.subject)]);
  const bySubject = Map.groupBy(policy.rules, rule => rule.subject);
  for (const subject of subjects) {
    if (subject.startsWith('role:')) continue;
    const rules = policy.roles.closure(subject).flatMap(name => bySubject.get(name) ?? []);
    for (const rule of rules) {
      for (const { need, trigger } of needsOf(rule, actions)) {
        const key = `${formatRef(rule.ref)} ${trigger} ${need.action}`;
        if (rule.effect === 'deny' || found.has(key) || rules.some(other => meets(other, rule, need, actions)))
          continue;
        const message = `${subject} may do ${trigger} but not ${need.action} on the same nodes: ${need.otherwise}`;
        found.set(key, finding('half-bundle', rule, message));
      }
    }
  }
  return [...found.values()];
}

function needsOf(rule: Rule, actions: ActionTable): { need: Need; trigger: string }[] {
  return patternMembers(rule.action, actions).flatMap(({ action }) =>
    (bundles.get(action) ?? []).map(need => ({ need, trigger: action })),
  );
}

function meets(other: Rule, rule: Rule, need: Need, actions: ActionTable): boolean {
  const facts = actions.get(need.action);
  if (facts === undefined) return true;
  return (
    other.effect === 'allow' &&
    matchAction(other.action, { action: need.action, ...facts, own: false }) &&
    coversSegment(other.cluster, rule.cluster) &&
    coversSelector(other.selector, rule.selector) &&
    (need.resource === undefined || matchPath(other.resource, need.resource.split('/')))
  );
}

function finding(code: LintCode, at: { readonly ref: Rule['ref'] }, message: string): LintFinding {
  return { code, severity: 'warning', file: at.ref.file, line: at.ref.line, message };
}

function acceptedCodes(rule: Rule): string[] {
  return [...rule.comment.matchAll(/lint-ok:\s*([a-z-]+)/g)].map(match => match[1] ?? '');
}
