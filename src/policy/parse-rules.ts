import { type ActionTable, parseActionPattern } from './actions.ts';
import { type CsvLine, type Field, splitLine } from './csv.ts';
import { compileSegment, type SegmentGlob } from './glob.ts';
import { type Parsed, type Problem, parsed, refused } from './problem.ts';
import { isUnsafePrefix, parseResourcePattern } from './resource.ts';
import { type Effect, effects, type Link, type Rule } from './rule.ts';
import { parseSelector } from './selector.ts';

/** What the lines read so far amount to. `seen` finds repeated lines across files. */
export interface RuleSet {
  readonly rules: Rule[];
  readonly links: Link[];
  readonly problems: Problem[];
  readonly seen: Map<string, string>;
}

export function emptyRuleSet(): RuleSet {
  return { rules: [], links: [], problems: [], seen: new Map() };
}

/** Reads one line of a policy file into `into`: a rule, a link, a comment, or one or more problems. Line counts from 1. */
export function parseRuleLine(line: string, file: string, number: number, actions: ActionTable, into: RuleSet): void {
  const complain = (column: number, message: string) => into.problems.push({ file, line: number, column, message });
  const control = controlCharacter(line);
  if (control >= 0) return void complain(control + 1, 'a control character; delete it');
  const split = splitLine(line);
  if (!split.ok) return void complain(split.column, split.message);
  const [kind, ...fields] = split.fields;
  if (kind === undefined) return;
  const parse = kind.text === 'p' ? parseRule : kind.text === 'g' ? parseLink : undefined;
  if (parse === undefined)
    return void complain(kind.column, `a line starts with p (a rule) or g (a link), not "${kind.text}"`);
  const expected = kind.text === 'p' ? ruleFields : linkFields;
  if (fields.length !== expected.length) {
    const help = fields.length > expected.length ? '; quote a field that holds a comma' : '';
    return void complain(
      kind.column,
      `${fields.length} fields after ${kind.text}, expected ${expected.length}: ${expected.join(', ')}${help}`,
    );
  }
  const text = withoutComment(line, split);
  parse(fields, { ref: { file, line: number, text }, comment: split.comment, actions, into, complain });
}

const ruleFields = ['subject', 'cluster', 'node selector', 'action', 'resource', 'effect'];
const linkFields = ['subject', 'role'];

interface LineContext {
  readonly ref: { readonly file: string; readonly line: number; readonly text: string };
  readonly comment: string;
  readonly actions: ActionTable;
  readonly into: RuleSet;
  complain(column: number, message: string): void;
}

function parseRule(fields: readonly Field[], context: LineContext): void {
  const take = <T>(index: number, parse: (text: string) => Parsed<T>): T | undefined => {
    const field = fields[index] ?? { text: '', column: 1 };
    const result = parse(field.text);
    if (result.ok) return result.value;
    context.complain(field.column, result.message);
    return undefined;
  };
  const subject = take(0, parseSubject);
  const cluster = take(1, parseCluster);
  const selector = take(2, parseSelector);
  const action = take(3, text => parseActionPattern(text, context.actions));
  const resource = take(4, parseResourcePattern);
  const effect = take(5, parseEffect);
  if (subject === undefined || cluster === undefined || selector === undefined) return;
  if (action === undefined || resource === undefined || effect === undefined) return;
  if (isUnsafePrefix(resource) && !context.comment.includes('unsafe-prefix')) {
    const message = `wildcard in "${resource.text}": a path prefix is no boundary on a node (symbolic links); list exact files, or end the line with # unsafe-prefix`;
    context.complain(fields[4]?.column ?? 1, message);
    return;
  }
  if (isRepeated(['p', subject, cluster.text, selector.text, action, resource.text, effect], context)) return;
  const { ref, comment, into } = context;
  into.rules.push({ order: into.rules.length, ref, comment, subject, cluster, selector, action, resource, effect });
}

function parseLink(fields: readonly Field[], context: LineContext): void {
  const [subject, role] = fields;
  if (subject === undefined || role === undefined) return;
  const problems: [Field, string][] = [];
  const who = parseSubject(subject.text);
  if (!who.ok) problems.push([subject, who.message]);
  const what = parseSubject(role.text);
  if (!what.ok) problems.push([role, what.message]);
  else if (!role.text.startsWith('role:')) {
    problems.push([role, `a link leads to a role, not to "${role.text}"; groups are stated by the credential`]);
  }
  for (const [field, message] of problems) context.complain(field.column, message);
  if (problems.length > 0 || isRepeated(['g', subject.text, role.text], context)) return;
  context.into.links.push({ ref: context.ref, subject: subject.text, role: role.text });
}

function parseSubject(text: string): Parsed<string> {
  if (!/^(user|group|role|machine):./.test(text)) {
    return refused(`"${text}" is not a subject; write user:…, group:…, role:… or machine:…`);
  }
  if (text.includes('*')) return refused(`subject "${text}" holds a wildcard; give a role to a group instead`);
  return parsed(text);
}

/** Reads the cluster field of a rule: a name, or a name with `*`. */
export function parseCluster(text: string): Parsed<SegmentGlob> {
  if (text === '') return refused('empty cluster; write * for every cluster');
  const wrong = /[^a-z0-9._*-]/.exec(text)?.[0];
  if (wrong !== undefined)
    return refused(`cluster "${text}" holds "${wrong}"; write a name (lower case), or a name with "*"`);
  if (text.includes('**')) return refused(`cluster "${text}" holds "**"; one "*" covers any part of a name`);
  return parsed(compileSegment(text));
}

function parseEffect(text: string): Parsed<Effect> {
  const effect = effects.find(one => one === text);
  return effect === undefined ? refused(`"${text}" is not an effect; write allow, approve or deny`) : parsed(effect);
}

function isRepeated(parts: readonly string[], context: LineContext): boolean {
  // No field holds a line break, so the joined text stands for exactly these fields.
  const key = parts.join('\n');
  const earlier = context.into.seen.get(key);
  if (earlier !== undefined) context.complain(1, `says the same as ${earlier}; delete one of them`);
  else context.into.seen.set(key, `${context.ref.file}:${context.ref.line}`);
  return earlier !== undefined;
}

function withoutComment(line: string, split: CsvLine & { ok: true }): string {
  const text = line.trim();
  // The comment is the end of the line, its `#` and the space before it are not part of the rule.
  return split.comment === ''
    ? text.replace(/\s+#\s*$/, '')
    : text.slice(0, text.length - split.comment.length).replace(/\s*#\s*$/, '');
}

function controlCharacter(line: string): number {
  for (let at = 0; at < line.length; at += 1) {
    const code = line.charCodeAt(at);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f || code === 0xfeff) return at;
  }
  return -1;
}
