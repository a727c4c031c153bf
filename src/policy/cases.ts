import { isMap, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Decision, PolicyQuestion } from '../core/decision.ts';
import { type ActionTable, gatewayActions, hasFloor } from './actions.ts';
import type { DecideFor } from './decide.ts';
import type { Problem } from './problem.ts';
import { normalizeResource } from './resource.ts';
import { type Effect, effects, formatRef } from './rule.ts';

/** One expectation that travels with the rules. */
export interface Case {
  readonly file: string;
  readonly line: number;
  readonly description: string;
  readonly question: PolicyQuestion;
  /** What the caller is; a role may stand here, so that a role can be tried without anybody holding it. */
  readonly subjects: readonly string[];
  readonly expect: Effect;
  /** `policies/policy.csv:12`, or the text of the rule that must decide. */
  readonly rule: string | undefined;
}

export interface CaseResult {
  readonly file: string;
  readonly line: number;
  readonly description: string;
  readonly ok: boolean;
  /** What was expected and what came, for people. */
  readonly message: string;
}

/** Asks one case of a policy. */
export function runCase(one: Case, decide: DecideFor): CaseResult {
  const decision = decide(one.question, one.subjects);
  const { file, line, description } = one;
  const came = `${decision.effect} by ${decision.rule === undefined ? 'no rule' : formatRef(decision.rule)}`;
  if (decision.effect !== one.expect) {
    return { file, line, description, ok: false, message: `expected ${one.expect}, the rules say ${came}` };
  }
  if (one.rule !== undefined && !isRule(decision, one.rule)) {
    return { file, line, description, ok: false, message: `expected the rule ${one.rule}, the rules say ${came}` };
  }
  return { file, line, description, ok: true, message: came };
}

/** Reads a file of cases; what is wrong with it goes to `problems`. */
export function parseCases(text: string, file: string, actions: ActionTable, problems: Problem[]): Case[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const position = (offset: number | undefined) => {
    const { line, col } = lines.linePos(offset ?? 0);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  for (const error of document.errors) {
    problems.push({ ...position(error.pos[0]), message: error.message.replace(/\n.*/s, '') });
  }
  if (document.errors.length > 0 || document.contents === null) return [];
  if (!isSeq(document.contents)) {
    problems.push({ file, line: 1, column: 1, message: `a file of cases is a list; ${caseHelp}` });
    return [];
  }
  return document.contents.items.flatMap(item => {
    const place = position(item.range[0]);
    const read = readCase(isMap(item) ? (item.toJS(document) as unknown) : undefined, actions);
    if (typeof read !== 'string') return [{ ...read, file, line: place.line }];
    problems.push({ ...place, message: read });
    return [];
  });
}

const caseHelp = 'a case is {description, request: {as, node, action, resource}, expect}';

function readCase(item: unknown, actions: ActionTable): Omit<Case, 'file' | 'line'> | string {
  if (!isRecord(item)) return caseHelp;
  const { description, request, expect: expected, rule, ...more } = item;
  const stray = Object.keys(more)[0];
  if (stray !== undefined) return `unknown key "${stray}" in a case; ${caseHelp}`;
  if (typeof description !== 'string' || description === '') return `a case needs a description; ${caseHelp}`;
  const expect = effects.find(effect => effect === expected);
  if (expect === undefined) return `expect is one of ${effects.join(', ')}`;
  if (rule !== undefined && typeof rule !== 'string')
    return 'rule is a place such as policies/policy.csv:12, or the text of a rule';
  const asked = readRequest(request, actions);
  return typeof asked === 'string' ? asked : { description, expect, rule, ...asked };
}

const requestKeys = ['as', 'groups', 'cluster', 'node', 'labels', 'action', 'resource'];

function readRequest(request: unknown, actions: ActionTable): Pick<Case, 'question' | 'subjects'> | string {
  if (!isRecord(request)) return `a case needs a request; ${caseHelp}`;
  const stray = Object.keys(request).find(key => !requestKeys.includes(key));
  if (stray !== undefined) return `unknown key "${stray}" in a request; there are ${requestKeys.join(', ')}`;
  const { as, groups = [], cluster = '-', node, labels = {}, action, resource } = request;
  if (typeof as !== 'string' || as === '')
    return 'as names who asks: alice@example.com, machine:ci, group:platform or role:viewer';
  if (!Array.isArray(groups) || !groups.every(group => typeof group === 'string'))
    return 'groups is a list of group names';
  if (typeof cluster !== 'string' || typeof node !== 'string') return 'cluster and node are names; node must be given';
  if (!isLabels(labels)) return 'labels are names with text values, such as {role: controlplane}';
  if (typeof action !== 'string') return 'a request needs an action, such as logs.read';
  const facts = gatewayActions.get(action) ?? actions.get(action);
  if (facts === undefined) return `unknown action "${action}"`;
  if (typeof resource !== 'string' || resource === '') return 'a request needs a resource, such as logs/system/kubelet';
  if (/[^/]\*|\*./.test(resource)) {
    return `resource "${resource}" is a pattern; a request names one thing, only its last segment may be "*" for all of them`;
  }
  const { self, principal } = callerOf(as, groups);
  const subjects = [self, ...groups.map(group => `group:${group}`)];
  const { risk } = facts;
  const target = { cluster, node, labels, action, risk, resource: normalizeResource(resource) };
  return { question: { principal, ...target, approvalFloor: hasFloor(facts) }, subjects };
}

function callerOf(as: string, groups: readonly string[]): { self: string; principal: PolicyQuestion['principal'] } {
  const self = /^(user|machine|group|role):./.test(as) ? as : `user:${as}`;
  const kind = self.startsWith('machine:') ? 'machine' : 'person';
  return { self, principal: { id: self.slice(self.indexOf(':') + 1), kind, groups } };
}

function isRule(decision: Decision, expected: string): boolean {
  if (decision.rule === undefined) return false;
  const plain = (text: string) => text.replaceAll(/\s+/g, '');
  return formatRef(decision.rule) === expected || plain(decision.rule.text) === plain(expected);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isLabels(value: unknown): value is Record<string, string> {
  return isRecord(value) && Object.values(value).every(one => typeof one === 'string');
}
