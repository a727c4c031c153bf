import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../../../src/cli/context.ts';
import type { Difference } from './compare.ts';

/** How one case went with one talosctl. */
export interface Outcome {
  readonly id: string;
  readonly command: string;
  readonly version: string;
  readonly note?: string;
  readonly simulator?: string;
  readonly differences: readonly Difference[];
  /** What else was not as it should be. */
  readonly problems: readonly string[];
}

/** Where the last run left its outcomes, for `write-page.ts`. */
export const outcomesFolder = join(packageRoot, '.talosgate/talosctl');

/** Prints what differs as a table, and keeps all outcomes of the topic. */
export async function report(topic: string, outcomes: readonly Outcome[]): Promise<void> {
  const rows = outcomes.flatMap(({ id, version, differences, problems, simulator }) => [
    ...differences.map(found => [version, id, found.where, found.allowed ?? 'NOT ALLOWED']),
    ...(problems.length === 0
      ? []
      : [[version, id, '-', simulator === undefined ? 'NOT AS EXPECTED' : `simulator: ${simulator}`]]),
  ]);
  const versions = [...new Set(outcomes.map(({ version }) => version))].join(', ');
  const same = outcomes.filter(({ differences, problems }) => differences.length + problems.length === 0).length;
  const lines = [
    `talosctl ${topic}, ${versions}: ${outcomes.length} runs compared, ${same} the same byte for byte`,
    ...table([['talosctl', 'case', 'where', 'why'], ...rows]),
  ];
  process.stdout.write(`\n${(rows.length === 0 ? lines.slice(0, 1) : lines).join('\n')}\n`);
  await mkdir(outcomesFolder, { recursive: true });
  await writeFile(join(outcomesFolder, `${topic}.json`), JSON.stringify(outcomes, undefined, 1));
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_cell, column) => Math.max(...rows.map(row => row[column]?.length ?? 0)));
  return rows.map(row => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd());
}
