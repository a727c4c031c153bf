import type { PolicyQuestion } from '../../src/core/decision.ts';
import type { ActionTable } from '../../src/policy/actions.ts';
import { createAuthority } from '../../src/policy/casbin.ts';
import { compileRules } from '../../src/policy/compile.ts';
import { createDecide, type DecideFor } from '../../src/policy/decide.ts';
import { supportedModel } from '../../src/policy/model.ts';
import { emptyRuleSet, parseRuleLine, type RuleSet } from '../../src/policy/parse-rules.ts';
import { askedOf } from '../../src/policy/question.ts';
import { buildRoles } from '../../src/policy/roles.ts';

/** One line of the table: what a decision costs, by the index and by Casbin itself, and compiling. */
export interface PolicyBenchRow {
  readonly shape: string;
  readonly rules: number;
  /** Median over rounds of the mean over many questions, processor time. */
  readonly decideUs: number;
  /** Undefined where Casbin would take too long. */
  readonly casbinUs: number | undefined;
  readonly compileMs: number;
  /** Longest time the event loop was held while compiling, milliseconds. */
  readonly longestStallMs: number;
}

/** Measures decisions over 10 to 10,000 rules of several shapes. Nothing here checks a limit; `npm run bench` prints it. */
export async function benchDecide(counts: readonly number[] = [10, 100, 1_000, 10_000]): Promise<PolicyBenchRow[]> {
  const rows: PolicyBenchRow[] = [];
  for (const [shape, ruleAt] of Object.entries(shapes)) {
    for (const count of counts) rows.push(await measure(shape, count, ruleAt));
  }
  return rows;
}

const actions: ActionTable = new Map(
  ['logs.read', 'events.read', 'node.reboot', 'config.apply', 'image.pull', 'service.restart'].map(name => [
    name,
    { risk: name.endsWith('.read') ? 'read' : 'write', area: name.split('.')[0] ?? '' },
  ]),
);

/** How the rules differ from one another; `index` counts from 0. Every shape ends up answering the same questions. */
const shapes: Readonly<Record<string, (index: number) => string>> = {
  'a rule per person': index => `p, user:u${index}@example.com, *, *, logs.read, logs/**, allow`,
  'a rule per node': index => `p, role:operator, prod, node-${index}, class:read, **, allow`,
  'a rule per resource': index => `p, role:operator, *, *, logs.read, logs/k8s.io/ns-${index}/**, allow`,
  'a rule per label': index => `p, role:operator, *, rack=r${index}, area:logs, logs/**, allow`,
  'a rule per node glob': index => `p, role:operator, *, n${index}-*, logs.read, logs/**, allow`,
};

async function measure(shape: string, count: number, ruleAt: (index: number) => string): Promise<PolicyBenchRow> {
  const set = emptyRuleSet();
  const lines = ['g, user:u0@example.com, role:operator', 'g, group:platform, role:operator'];
  for (let index = 0; index < count; index += 1) lines.push(ruleAt(index));
  lines.forEach((line, index) => parseRuleLine(line, 'bench.csv', index + 1, actions, set));
  if (set.problems.length > 0) throw new Error(set.problems[0]?.message);
  const { decide, compileMs, longestStallMs } = await compile(set);
  const questions = questionsFor(count);
  const decideUs = median(Array.from({ length: 5 }, () => timeEach(questions, 100_000, question => decide(question))));
  let casbinUs: number | undefined;
  if (count <= 1_000) {
    const authority = await createAuthority(supportedModel, set.rules, set.links);
    const asked = questions.flatMap(question => askedOf(question, actions) ?? []);
    casbinUs = timeEach(asked, Math.ceil(20_000 / count), authority);
  }
  return { shape, rules: count, decideUs, casbinUs, compileMs, longestStallMs };
}

async function compile(set: RuleSet): Promise<{ decide: DecideFor; compileMs: number; longestStallMs: number }> {
  const started = performance.now();
  let lastTurn = started;
  let longestStallMs = 0;
  const breathe = async () => {
    longestStallMs = Math.max(longestStallMs, performance.now() - lastTurn);
    await new Promise(resolve => setImmediate(resolve));
    lastTurn = performance.now();
  };
  const compiled = await compileRules(set.rules, buildRoles(set.links).roles, breathe);
  await breathe();
  return { decide: createDecide(compiled, actions, 'bench'), compileMs: performance.now() - started, longestStallMs };
}

/** A mix of hits and misses, by a person with a role and by one without, over many nodes and resources. */
function questionsFor(count: number): PolicyQuestion[] {
  return Array.from({ length: 64 }, (_, index) => {
    const at = (index * 7919) % count;
    const action = ['logs.read', 'logs.read', 'logs.read', 'node.reboot'][index % 4] ?? 'logs.read';
    return {
      principal: { id: `u${index % 8 === 0 ? at : 0}@example.com`, kind: 'person', groups: ['platform', 'everyone'] },
      cluster: 'prod',
      node: index % 2 === 0 ? `node-${at}` : `n${at}-a`,
      labels: { role: 'worker', rack: `r${at}` },
      action,
      risk: action === 'logs.read' ? 'read' : 'write',
      resource: `logs/k8s.io/ns-${at}/pod-${index}/main`,
      approvalFloor: false,
    };
  });
}

/** Processor time of this thread for one item, microseconds: other people on the machine do not count. */
function timeEach<T>(items: readonly T[], times: number, work: (item: T) => unknown): number {
  let sink = 0;
  const started = process.threadCpuUsage();
  for (let index = 0; index < times; index += 1) {
    const item = items[index % items.length];
    if (item !== undefined && work(item) !== undefined) sink += 1;
  }
  const used = process.threadCpuUsage(started);
  if (sink !== times) throw new Error('a question was lost');
  return (used.user + used.system) / times;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
