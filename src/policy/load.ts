import { setImmediate } from 'node:timers/promises';
import type { ActionTable } from './actions.ts';
import { type Case, type CaseResult, parseCases, runCase } from './cases.ts';
import { type CompiledRules, compileRules } from './compile.ts';
import { createDecide, type DecideFor } from './decide.ts';
import { checkModel } from './model.ts';
import { emptyRuleSet, parseRuleLine } from './parse-rules.ts';
import type { Problem } from './problem.ts';
import { type PolicyFile, type PolicyFolder, readPolicyFolder } from './read-folder.ts';
import { buildRoles, type Roles } from './roles.ts';
import type { Link, Rule } from './rule.ts';
import { parseTerms, type TermsEntry } from './terms.ts';

/** A policy that has been read, checked and compiled; whether its cases hold is in `results`. */
export interface Policy {
  readonly revision: string;
  readonly files: readonly PolicyFile[];
  readonly rules: readonly Rule[];
  readonly links: readonly Link[];
  readonly roles: Roles;
  readonly compiled: CompiledRules;
  readonly decide: DecideFor;
  readonly cases: readonly Case[];
  readonly results: readonly CaseResult[];
  /** What approvals take, from approvals.yaml. */
  readonly terms: readonly TermsEntry[];
  /** Text of model.conf. */
  readonly model: string;
}

/** `policy` is there only when the folder holds no mistake; failing cases are not mistakes of form, see `results`. */
export interface LoadedFolder {
  readonly folder: PolicyFolder;
  readonly policy: Policy | undefined;
  readonly problems: readonly Problem[];
}

/** How many lines or cases are handled before the event loop gets a turn; about a millisecond of work. */
const chunk = 200;

/** Reads, checks, compiles and tries a policy folder. Gives the event loop its turn all along. Never throws for bad files. */
export async function loadPolicy(directory: string, actions: ActionTable): Promise<LoadedFolder> {
  const folder = await readPolicyFolder(directory);
  const problems: Problem[] = [...folder.problems];
  const set = emptyRuleSet();
  const cases: Case[] = [];
  const terms: TermsEntry[] = [];
  for (const file of folder.files) {
    if (file.kind === 'model') problems.push(...checkModel(file.text, file.name));
    if (file.kind === 'cases') cases.push(...parseCases(file.text, file.name, actions, problems));
    if (file.kind === 'terms') terms.push(...parseTerms(file.text, file.name, actions, problems));
    if (file.kind !== 'rules') continue;
    for (const [index, line] of linesOf(file.text).entries()) {
      parseRuleLine(line, file.name, index + 1, actions, set);
      if (index % chunk === chunk - 1) await setImmediate();
    }
  }
  const { roles, problems: circles } = buildRoles(set.links);
  problems.push(...set.problems, ...circles);
  if (problems.length > 0) return { folder, policy: undefined, problems };

  const compiled = await compileRules(set.rules, roles, () => setImmediate());
  const decide = createDecide(compiled, actions, folder.revision);
  const results: CaseResult[] = [];
  for (const [index, one] of cases.entries()) {
    results.push(runCase(one, decide));
    if (index % chunk === chunk - 1) await setImmediate();
  }
  const { revision, files } = folder;
  const model = files.find(file => file.kind === 'model')?.text ?? '';
  const { rules, links } = set;
  const policy = { revision, files, rules, links, roles, compiled, decide, cases, results, terms, model };
  return { folder, policy, problems };
}

function linesOf(text: string): string[] {
  return text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .map(line => (line.endsWith('\r') ? line.slice(0, -1) : line));
}
