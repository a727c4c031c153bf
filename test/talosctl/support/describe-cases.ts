import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import type { CommandCase, Line, Step } from '../cases/case.ts';
import { findTalosctl, type Talosctl } from './binaries.ts';
import { compare, type Difference } from './compare.ts';
import { type Outcome, report } from './report.ts';
import { type Printed, runCase } from './run.ts';
import type { TwinsWish, World } from './world.ts';

const found = await findTalosctl(process.env);

/**
 * Makes a test of each case with each talosctl: run directly and through the gateway at the same time, nothing may
 * differ but what is allowed. Without a talosctl there are only skipped tests, which say why.
 */
export function describeCases(topic: string, cases: readonly CommandCase[]): void {
  if (found.binaries.length === 0) {
    test.skip(`${topic}: ${found.about}`);
    return;
  }
  const outcomes: Outcome[] = [];
  let world: World | undefined;
  beforeAll(async () => {
    // Only now: it brings the whole gateway along, which nobody needs to load where there is no talosctl.
    const { startWorld } = await import('./world.ts');
    world = await startWorld(found.binaries.flatMap(talosctl => wishesOf(talosctl, cases)));
  });
  afterAll(async () => {
    await report(topic, outcomes);
    await world?.close();
  });
  describe.each(found.binaries)('talosctl $version', talosctl => {
    test.concurrent.each(cases.filter(one => has(talosctl, one)))('$id', async one => {
      if (world === undefined) throw new Error('the gateway did not start');
      const name = clusterOf(talosctl, one);
      const { direct, behind } = world.twins(name);
      await world.warmUp(name, talosctl.path);
      if (one.down !== undefined) {
        for (const side of [direct, behind]) await side.nodes.find(node => node.name === one.down)?.control.kill();
      }
      const [ours, theirs] = await Promise.all([
        world.directConfig(name).then(config => runCase(talosctl.path, config, one)),
        world.gatewayConfig(name, one.credential ?? 'certificate').then(config => runCase(talosctl.path, config, one)),
      ]);
      const differences = compare(one, ours, theirs);
      const problems = problemsOf(one, talosctl.line, ours);
      outcomes.push({ ...pick(one), version: talosctl.version, differences, problems });
      expect(differences.filter(({ allowed }) => allowed === undefined).map(describeDifference)).toEqual([]);
      if (one.simulator === undefined) expect(problems).toEqual([]);
    });
  });
  test('no call is left open on a node', async () => {
    const open = (): string[] => world?.openCalls() ?? [];
    await until(
      () => open().length === 0,
      () => open().join(', '),
    );
  });
}

function pick({ id, command, note, simulator }: CommandCase): Pick<Outcome, 'id' | 'command' | 'note' | 'simulator'> {
  return { id, command, ...(note === undefined ? {} : { note }), ...(simulator === undefined ? {} : { simulator }) };
}

/** Everything a case promises of itself, seen directly: a comparison of two failures shows nothing. */
function problemsOf(one: CommandCase, line: string, direct: readonly Printed[]): string[] {
  return one.steps.flatMap((step, index) => {
    const printed = direct[index];
    const wanted = wantedExit(step, line);
    const said = `${printed?.stdout ?? ''}\n${printed?.stderr ?? ''}`;
    return [
      ...(printed?.exit === wanted || (wanted === undefined && typeof printed?.exit === 'number')
        ? []
        : [
            `step ${index + 1} ended with ${String(printed?.exit)}, not ${wanted ?? 'as it should'}: ${said.trim().slice(0, 300)}`,
          ]),
      ...(step.shows === undefined || step.shows.test(said)
        ? []
        : [`step ${index + 1} does not show ${String(step.shows)}: ${said.trim().slice(0, 600)}`]),
      ...Object.entries(printed?.files ?? {}).flatMap(([name, content]) =>
        content === undefined || content === '' ? [`step ${index + 1} wrote no ${name}`] : [],
      ),
    ];
  });
}

/** Undefined when nothing is expected: the case knows only other release lines, or the step is interrupted. */
function wantedExit({ exit = 0, lines }: Step, line: string): number | undefined {
  // Whether an interrupted talosctl ends with 0 or 1 is a race inside of it.
  if (lines?.then === 'interrupt') return undefined;
  return typeof exit === 'number' ? exit : exit[line as Line];
}

function describeDifference({ where, direct, gateway }: Difference): string {
  return `${where}\n--- direct\n${excerpt(direct)}\n--- gateway\n${excerpt(gateway)}`;
}

function excerpt(text: string): string {
  return text.length > 3000 ? `${text.slice(0, 3000)}...` : text;
}

function wishesOf(talosctl: Talosctl, cases: readonly CommandCase[]): TwinsWish[] {
  const wishes = new Map<string, TwinsWish>();
  for (const one of cases) {
    if (!has(talosctl, one)) continue;
    const name = clusterOf(talosctl, one);
    wishes.set(name, { name, talosVersion: talosctl.version, kind: one.nodes ?? 'shared' });
  }
  return [...wishes.values()];
}

function has(talosctl: Talosctl, one: CommandCase): boolean {
  return one.only === undefined || one.only === talosctl.line;
}

/** A name that the configuration takes, whatever the id of the case looks like. */
function clusterOf({ line }: Talosctl, one: CommandCase): string {
  const what = one.nodes === 'own' ? createHash('sha256').update(one.id).digest('hex').slice(0, 12) : 'shared';
  return `v${line.replace('.', '-')}-${what}`;
}
