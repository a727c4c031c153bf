import { type Risk, risks } from '../core/method.ts';
import { type Parsed, parsed, refused } from './problem.ts';

/** What policy knows of one action. `approvalFloor`: never runs without somebody else's approval, whatever rules say. */
export interface ActionFacts {
  readonly risk: Risk;
  readonly area: string;
  readonly approvalFloor?: boolean;
}

/** Actions by name, as the catalog has them. */
export type ActionTable = ReadonlyMap<string, ActionFacts>;

/**
 * What people do with the gateway itself. These are in no wildcard and in no class: a rule must name them, or their area,
 * so that `class:read` never opens the audit log and `*` never makes an approver.
 */
export const gatewayActions = new Map<string, ActionFacts>([
  ['approvals.read', { risk: 'read', area: 'approvals' }],
  ['approvals.request', { risk: 'write', area: 'approvals' }],
  ['approvals.decide', { risk: 'write', area: 'approvals' }],
  ['approvals.emergency', { risk: 'write', area: 'approvals' }],
  ['audit.read', { risk: 'read', area: 'audit' }],
  ['audit.export', { risk: 'read', area: 'audit' }],
  ['audit.sinks', { risk: 'write', area: 'audit' }],
  ['sessions.read', { risk: 'read', area: 'sessions' }],
  ['audit.hold', { risk: 'write', area: 'audit' }],
  ['audit.prune', { risk: 'destructive', area: 'audit' }],
  ['sessions.replay', { risk: 'read', area: 'sessions' }],
  ['sessions.watch', { risk: 'read', area: 'sessions' }],
  ['sessions.kill', { risk: 'write', area: 'sessions' }],
]);

/** An action as a rule sees it. */
export interface AskedAction {
  readonly action: string;
  readonly risk: string;
  readonly area: string;
  /** True for an action of the gateway itself. */
  readonly own: boolean;
}

/** Looks an action up in both tables; undefined when neither has it or the risk is no class. The risk of the question wins: the content of a request may have raised it. */
export function askedAction(actions: ActionTable, action: string, risk: string): AskedAction | undefined {
  const own = gatewayActions.get(action);
  const facts = own ?? actions.get(action);
  if (facts === undefined || !risks.some(one => one === risk)) return undefined;
  return { action, risk, area: facts.area, own: own !== undefined };
}

/** True where somebody else must agree. A shell on a node counts as such even if a table forgot to say so. */
export function hasFloor(facts: { readonly risk: string; readonly approvalFloor?: boolean }): boolean {
  return facts.approvalFloor === true || facts.risk === 'shell';
}

/** True when the action field of a rule covers the action. */
export function matchAction(pattern: string, asked: AskedAction): boolean {
  if (pattern === asked.action) return true;
  if (pattern === `area:${asked.area}`) return true;
  return !asked.own && (pattern === '*' || pattern === `class:${asked.risk}`);
}

/** True when every action that `narrow` covers is certainly covered by `wide`. */
export function coversAction(wide: string, narrow: string, actions: ActionTable): boolean {
  if (wide === narrow) return true;
  return patternMembers(narrow, actions).every(member => matchAction(wide, member));
}

/** All actions that the action field of a rule covers. */
export function patternMembers(pattern: string, actions: ActionTable): AskedAction[] {
  const all = [...actions, ...gatewayActions].flatMap(
    ([action, facts]) => askedAction(actions, action, facts.risk) ?? [],
  );
  return all.filter(asked => matchAction(pattern, asked));
}

/** Checks the action field of a rule: a known action, `class:<risk>`, `area:<area>` or `*`. */
export function parseActionPattern(text: string, actions: ActionTable): Parsed<string> {
  if (text === '*' || actions.has(text) || gatewayActions.has(text)) return parsed(text);
  if (text.startsWith('class:')) {
    if (risks.some(risk => text === `class:${risk}`)) return parsed(text);
    return refused(`unknown risk class "${text.slice(6)}"; there are ${risks.join(', ')}`);
  }
  if (text.startsWith('area:')) {
    const areas = areasOf(actions);
    if (areas.has(text.slice(5))) return parsed(text);
    return refused(`unknown area "${text.slice(5)}"; there are ${[...areas].sort().join(', ')}`);
  }
  const area = text.split('.')[0] ?? '';
  if (text === `${area}.*`) return refused(`an action takes no wildcard; for all of them write area:${area}`);
  if (text.includes('*')) return refused(`an action takes no wildcard; write its name, class:…, area:… or "*"`);
  const near = [...actions.keys(), ...gatewayActions.keys()].filter(name => name.startsWith(`${area}.`)).sort();
  const help =
    near.length > 0 ? `"${area}" has ${near.join(', ')}` : `areas are ${[...areasOf(actions)].sort().join(', ')}`;
  return refused(`unknown action "${text}"; ${help}`);
}

function areasOf(actions: ActionTable): Set<string> {
  return new Set([...actions.values(), ...gatewayActions.values()].map(facts => facts.area));
}
