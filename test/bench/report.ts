import { type AppendSample, appendConcurrencies, appendShapes, appendSubjects } from './append-bench.ts';
import type { Verdict } from './goals.ts';
import type { Sample } from './measure.ts';
import type { PolicyBenchRow } from './policy-bench.ts';
import { type Spread, spreadOf } from './statistics.ts';
import { records, subjectNames, subjectTitles } from './subject-names.ts';

/** The table of one concurrency, one line for each subject, medians with the least and the most of all rounds. */
export function concurrencyTable(samples: readonly Sample[], concurrency: number): string {
  const rows = subjectNames.flatMap(name => {
    const own = samples.filter(sample => sample.subject === name && sample.concurrency === concurrency);
    if (own.length === 0) return [];
    const cell = (read: (sample: Sample) => number, show: (value: number) => string): string =>
      ranged(spreadOf(own.map(read)), show);
    return [
      [
        subjectTitles[name],
        cell(sample => sample.callsPerSecond, count),
        cell(sample => sample.p50 / 1000, milliseconds),
        cell(sample => sample.p99 / 1000, milliseconds),
        // Microseconds for one call are milliseconds for a thousand.
        cell(sample => sample.cpuPerCall / 1000, thousandths),
        records(name) ? cell(sample => sample.databaseCpuPerCall / 1000, thousandths) : '',
      ],
    ];
  });
  const heads = ['calls/s', 'p50 ms', 'p99 ms', 'CPU s / 1,000 calls', 'and of Postgres'];
  return table([`${concurrency} at a time`, ...heads], rows);
}

/** The log alone, ours under each shape beside its peer. */
export function appendTable(samples: readonly AppendSample[]): string {
  const rows = appendShapes.flatMap(shape =>
    appendConcurrencies.flatMap(concurrency =>
      appendSubjects.map(subject => {
        const own = samples.filter(
          one => one.shape === shape && one.concurrency === concurrency && one.subject === subject,
        );
        const cell = (read: (sample: AppendSample) => number, show: (value: number) => string): string =>
          ranged(spreadOf(own.map(read)), show);
        return [
          `${shape} x ${concurrency}, ${subject === 'log' ? 'the log' : 'INSERTs'}`,
          cell(sample => sample.callsPerSecond, count),
          cell(sample => sample.p50 / 1000, milliseconds),
          cell(sample => sample.p99 / 1000, milliseconds),
          cell(sample => sample.cpuPerCall / 1000, thousandths),
          cell(sample => sample.databaseCpuPerCall / 1000, thousandths),
        ];
      }),
    ),
  );
  return table(['append', 'calls/s', 'p50 ms', 'p99 ms', 'CPU s / 1,000 calls', 'and of Postgres'], rows);
}

/** Decisions by number and shape of rules. */
export function policyTable(rows: readonly PolicyBenchRow[]): string {
  return table(
    ['policy', 'rules', 'us a decision', 'Casbin itself', 'compile ms', 'longest stall ms'],
    rows.map(({ shape, rules, decideUs, casbinUs, compileMs, longestStallMs }) => [
      shape,
      count(rules),
      decideUs.toFixed(2),
      casbinUs?.toFixed(0) ?? '',
      milliseconds(compileMs),
      milliseconds(longestStallMs),
    ]),
  );
}

/** Every goal with its ratio in this run and whether it was reached. */
export function goalTable(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ text, better, must, stretch, ratio, cpu, verdict }) => [
    text,
    `${better === 'higher' ? '>=' : '<='} ${must.toFixed(2)}`,
    stretch.toFixed(2),
    ranged(ratio, value => value.toFixed(2)),
    cpu === undefined || Number.isNaN(cpu.median) ? '' : ranged(cpu, value => value.toFixed(2)),
    verdict,
  ]);
  return table(['goal', 'must', 'stretch', 'this run', 'CPU per call, peer / ours', ''], rows);
}

function ranged({ median, min, max }: Spread, show: (value: number) => string): string {
  if (Number.isNaN(median)) return '-';
  return min === max ? show(median) : `${show(median)} (${show(min)}–${show(max)})`;
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function thousandths(value: number): string {
  return value.toFixed(3);
}

function milliseconds(value: number): string {
  return value.toFixed(value < 10 ? 2 : 1);
}

/** A Markdown table with aligned columns, readable as it stands. */
function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heads.map((head, i) => Math.max(head.length, ...rows.map(row => (row[i] ?? '').length)));
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, i) => (cells[i] ?? '').padEnd(width)).join(' | ')} |`;
  return [line(heads), `|${widths.map(width => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)].join('\n');
}
