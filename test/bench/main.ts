// `npm run bench`: what the gateway costs, against its peers, in one run. docs/benchmarks.md explains the figures.
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { type AppendSample, benchAppend } from './append-bench.ts';
import { benchCalls, type CallsResult } from './calls-bench.ts';
import { appendGoals, callGoals, judge, policyGoal, type RoundView, type Verdict } from './goals.ts';
import { type HotSpot, readHotSpots } from './hot-spots.ts';
import type { Sample } from './measure.ts';
import { type BenchOptions, readOptions, usage } from './options.ts';
import { benchDecide, type PolicyBenchRow } from './policy-bench.ts';
import { appendTable, concurrencyTable, goalTable, policyTable } from './report.ts';
import { benchSearch } from './search/bench.ts';
import { type SubjectName, subjectTitles } from './subject-names.ts';
import { profilePath } from './subjects.ts';

const root = new URL('../../', import.meta.url);
const folder = new URL('.talosgate/bench/', root);

/** Numbers of rules between which the cost of a decision is compared. */
const fewAndMany = [10, 10_000];

const [first, ...rest] = process.argv.slice(2);
if (first === 'search') await benchSearch(rest, folder.pathname, print);
else {
  const options = readOptions(process.argv.slice(2), process.env);
  if (options === undefined) print(usage);
  else await run(options);
}

async function run(options: BenchOptions): Promise<void> {
  const verdicts: Verdict[] = [];
  const policy = options.policy ? await benchDecide(options.quick ? fewAndMany : undefined) : [];
  if (options.policy) {
    print(policyTable(policy));
    verdicts.push(judge(policyGoal, [policy, await benchDecide(fewAndMany), await benchDecide(fewAndMany)]));
  }
  const appends = options.append ? await benchAppend(options, folder.pathname, showAppend) : [];
  if (options.append) {
    print(`\n${appendTable(appends)}`);
    const rounds = Array.from({ length: options.rounds }, (_, round) => appends.filter(one => one.round === round));
    verdicts.push(...appendGoals.map(goal => judge(goal, rounds)));
  }
  const calls =
    options.subjects.length > 0 ? await benchCalls(options, folder.pathname, print, showProgress) : undefined;
  if (calls !== undefined) {
    for (const concurrency of options.concurrencies) print(`\n${concurrencyTable(calls.samples, concurrency)}`);
    const rounds = Array.from({ length: options.rounds }, (_, round) => viewOf(calls, round));
    verdicts.push(...callGoals.map(goal => judge(goal, rounds)));
    if (calls.inserts.length > 0) {
      print(`\none durable INSERT, one caller, p50: ${calls.inserts.map(us => (us / 1000).toFixed(2)).join(', ')} ms`);
    }
  }
  const failed = calls?.samples.filter(sample => sample.failures > 0) ?? [];
  for (const { subject, round, failures } of failed)
    print(`\n${failures} calls of ${subject} failed in round ${round + 1}`);
  print(`\n${goalTable(verdicts)}`);
  if (options.profiled.size > 0) print('\nA profiled subject is slowed down by it: its figures above do not count.');
  print(`\nwritten to ${await writeResults(options, verdicts, policy, appends, calls)}`);
  for (const name of options.profiled) await printHotSpots(name);
}

function viewOf({ samples, inserts }: CallsResult, round: number): RoundView {
  return {
    insertP50: inserts[round],
    sample: (subject, concurrency) =>
      samples.find(one => one.round === round && one.subject === subject && one.concurrency === concurrency),
  };
}

/** Gives the name of the file, from the project's folder. */
async function writeResults(
  options: BenchOptions,
  verdicts: readonly Verdict[],
  policy: readonly PolicyBenchRow[],
  append: readonly AppendSample[],
  calls: CallsResult | undefined,
): Promise<string> {
  const file = new URL(`results/${new Date().toISOString().replaceAll(':', '-')}.json`, folder);
  await mkdir(new URL('.', file), { recursive: true });
  const where = { node: process.version, processors: availableParallelism(), load: loadavg(), nginx: calls?.nginx };
  const asked = { ...options, profiled: [...options.profiled] };
  await writeFile(
    file,
    `${JSON.stringify({ where, asked, goals: verdicts, policy, append, ...calls }, undefined, 2)}\n`,
  );
  return file.href.slice(root.href.length);
}

async function printHotSpots(name: SubjectName): Promise<void> {
  const { own, charged } = await readHotSpots(profilePath(folder.pathname, name), root);
  const list = (spots: readonly HotSpot[]): void => {
    for (const { place, share } of spots.slice(0, 40)) print(`${(share * 100).toFixed(1).padStart(5)} %  ${place}`);
  };
  print(`\n${subjectTitles[name]}: time by function, its own`);
  list(own);
  print(`\n${subjectTitles[name]}: time by function of ours, with what it asked of Node and packages`);
  list(charged);
}

function showProgress(sample: Sample): void {
  const { round, concurrency, subject, callsPerSecond, cpuPerCall, databaseCpuPerCall, clientCpuPerCall } = sample;
  const cpu = `CPU us a call: own ${cpuPerCall.toFixed(0)}, Postgres ${databaseCpuPerCall.toFixed(0)}, client ${clientCpuPerCall.toFixed(1)}`;
  const rate = `${callsPerSecond.toFixed(0)} calls/s`;
  process.stderr.write(`round ${round + 1}, ${concurrency} at a time, ${subject}: ${rate}; ${cpu}\n`);
}

function showAppend({ round, subject, shape, concurrency, callsPerSecond, p50 }: AppendSample): void {
  const what = `${subject}, ${shape}, ${concurrency} at a time`;
  process.stderr.write(`round ${round + 1}, ${what}: ${callsPerSecond.toFixed(0)} calls/s, p50 ${p50.toFixed(0)} us\n`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
