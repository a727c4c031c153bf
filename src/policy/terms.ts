import { isMap, isSeq, LineCounter, parseDocument } from 'yaml';
import type { ApprovalNeed } from '../core/approval.ts';
import { type ApprovalTerms, plainTerms, type ReasonRule } from '../core/approval-terms.ts';
import type { PolicyQuestion } from '../core/decision.ts';
import { parseDuration } from '../core/settings.ts';
import { type ActionTable, askedAction, matchAction, parseActionPattern } from './actions.ts';
import { matchPath, matchSegment, type PathGlob, type SegmentGlob } from './glob.ts';
import { parseCluster } from './parse-rules.ts';
import type { Problem } from './problem.ts';
import { parseResourcePattern } from './resource.ts';
import { parseSafePattern } from './safe-pattern.ts';
import { matchSelector, parseSelector, type Selector } from './selector.ts';

/** One entry of `approvals.yaml`: which calls it is for, and what an approval of them takes. */
export interface TermsEntry {
  readonly cluster: SegmentGlob;
  readonly node: Selector;
  readonly action: string;
  readonly resource: PathGlob;
  readonly terms: ApprovalTerms;
}

/** What an approval of the asked call takes: the first entry that fits, else one person. */
export function termsFor(
  entries: readonly TermsEntry[],
  actions: ActionTable,
  question: PolicyQuestion,
): ApprovalTerms {
  const asked = askedAction(actions, question.action, question.risk);
  if (asked === undefined) return plainTerms;
  const segments = question.resource.split('/');
  const entry = entries.find(
    one =>
      matchSegment(one.cluster, question.cluster) &&
      matchSelector(one.node, question.node, question.labels) &&
      matchAction(one.action, asked) &&
      matchPath(one.resource, segments),
  );
  return entry?.terms ?? plainTerms;
}

/** Reads `approvals.yaml`; what is wrong with it goes to `problems`. */
export function parseTerms(text: string, file: string, actions: ActionTable, problems: Problem[]): TermsEntry[] {
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
    problems.push({
      file,
      line: 1,
      column: 1,
      message: `this file is a list of entries, each with ${keys.join(', ')}`,
    });
    return [];
  }
  return document.contents.items.flatMap(item => {
    const place = position(isMap(item) ? item.range[0] : undefined);
    const complain = (message: string): void => {
      problems.push({ ...place, message });
    };
    const before = problems.length;
    const entry = readEntry(isMap(item) ? (item.toJS(document) as unknown) : undefined, actions, complain);
    return problems.length === before && entry !== undefined ? [entry] : [];
  });
}

const keys = [
  'action',
  'cluster',
  'node',
  'resource',
  'approvals',
  'denials',
  'reason',
  'decision_reason',
  'signed',
  'pending',
  'claim_window',
  'session',
];

type Complain = (message: string) => void;

function readEntry(item: unknown, actions: ActionTable, complain: Complain): TermsEntry | undefined {
  if (!isRecord(item)) {
    complain(`an entry has the keys ${keys.join(', ')}`);
    return undefined;
  }
  const stray = Object.keys(item).find(key => !keys.includes(key));
  if (stray !== undefined) complain(`unknown key "${stray}"; there are ${keys.join(', ')}`);
  const take = <T>(
    parse: (text: string) => { ok: true; value: T } | { ok: false; message: string },
    key: string,
    fallback?: string,
  ): T | undefined => {
    const value = item[key] ?? fallback;
    if (typeof value !== 'string') {
      complain(`${key} is a text, as in a rule`);
      return undefined;
    }
    const result = parse(value);
    if (result.ok) return result.value;
    complain(`${key}: ${result.message}`);
    return undefined;
  };
  const action = take(text => parseActionPattern(text, actions), 'action');
  const cluster = take(parseCluster, 'cluster', '*');
  const node = take(parseSelector, 'node', '*');
  const resource = take(parseResourcePattern, 'resource', '**');
  const terms = readTerms(item, complain);
  if (action === undefined || cluster === undefined || node === undefined || resource === undefined) return undefined;
  return { action, cluster, node, resource, terms };
}

const hourMs = 3_600_000;

function readTerms(item: Record<string, unknown>, complain: Complain): ApprovalTerms {
  const { denials = 1 } = item;
  if (!isCount(denials)) complain('denials is a number of people, 1 to 99');
  const approvals =
    item['approvals'] === undefined ? plainTerms.quorum.approvals : readNeeds(item['approvals'], complain);
  return {
    quorum: { approvals, denials: isCount(denials) ? denials : 1 },
    reason: item['reason'] === undefined ? undefined : readReason(item['reason'], complain),
    decisionReason: readSwitch(item, 'decision_reason', complain),
    signedDecisions: readSwitch(item, 'signed', complain),
    pendingMs: readTime(item, 'pending', hourMs, '1h', complain),
    claimWindowMs: readTime(item, 'claim_window', hourMs / 2, '30m', complain),
    sessionMs: readTime(item, 'session', 4 * hourMs, '4h', complain),
  };
}

function readNeeds(value: unknown, complain: Complain): ApprovalNeed[] {
  const help =
    'approvals is a list of 1 to 8 such as {group: platform-leads, people: 2}; without group anybody who may decide';
  if (!Array.isArray(value) || value.length < 1 || value.length > 8) {
    complain(help);
    return [];
  }
  return value.flatMap((need: unknown) => {
    const { group, people = 1, ...more } = isRecord(need) ? need : { more: need };
    const named = group === undefined || (typeof group === 'string' && group !== '' && !group.includes('*'));
    if (Object.keys(more).length > 0 || !isCount(people) || !named) {
      complain(help);
      return [];
    }
    return [{ group, count: people }];
  });
}

function readReason(value: unknown, complain: Complain): ReasonRule | undefined {
  const { pattern, expected, ...more } = isRecord(value) ? value : { more: value };
  if (typeof pattern !== 'string' || typeof expected !== 'string' || expected === '' || Object.keys(more).length > 0) {
    complain('reason is {pattern: "INC-[0-9]+.*", expected: "an incident number such as INC-4711"}');
    return undefined;
  }
  const result = parseSafePattern(pattern);
  if (result.ok) return { expected, matches: result.value };
  complain(`reason: ${result.message}`);
  return undefined;
}

function readSwitch(item: Record<string, unknown>, key: string, complain: Complain): boolean {
  const value = item[key] ?? false;
  if (typeof value !== 'boolean') complain(`${key} is true or false`);
  return value === true;
}

function readTime(
  item: Record<string, unknown>,
  key: string,
  most: number,
  text: string,
  complain: Complain,
): number | undefined {
  const value = item[key];
  if (value === undefined) return undefined;
  const time = typeof value === 'string' ? parseDuration(value) : undefined;
  if (time === undefined || time < 1_000 || time > most) {
    complain(`${key} is a time from 1s to ${text}`);
    return undefined;
  }
  return time;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 99;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
