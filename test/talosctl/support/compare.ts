import type { CommandCase } from '../cases/case.ts';
import { type Allowed, allowedDifferences } from './allowed.ts';
import { masked } from './masks.ts';
import type { Printed } from './run.ts';

/** One place where the two sides are not the same. */
export interface Difference {
  /** `stdout`, `stderr`, `exit` or a file, with the number of the step in front when there are several. */
  readonly where: string;
  readonly direct: string;
  readonly gateway: string;
  /** Why it may be so; undefined for a difference that is a mistake. */
  readonly allowed: string | undefined;
}

/** Compares what both sides printed, byte for byte once the masks are on. */
export function compare(
  one: CommandCase,
  line: string,
  direct: readonly Printed[],
  gateway: readonly Printed[],
): Difference[] {
  return one.steps.flatMap((_step, index) => {
    const ours = shown(one, direct[index]);
    const theirs = shown(one, gateway[index]);
    return [...new Set([...ours.keys(), ...theirs.keys()])].flatMap(where => {
      const [left, right] = [ours.get(where) ?? '', theirs.get(where) ?? ''];
      if (left === right) return [];
      const allowed = reasonFor(allowedDifferences, { id: one.id, line, where, direct: left, gateway: right });
      return [{ where: one.steps.length > 1 ? `${index + 1}:${where}` : where, direct: left, gateway: right, allowed }];
    });
  });
}

function shown(one: CommandCase, printed: Printed | undefined): Map<string, string> {
  if (printed === undefined) return new Map([['exit', 'not run']]);
  const order = (text: string): string => (one.anyOrder === true ? text.split('\n').toSorted().join('\n') : text);
  const mask = (text: string): string => masked(text, one.masks);
  return new Map([
    ['stdout', order(mask(printed.stdout))],
    ['stderr', order(mask(printed.stderr))],
    ['exit', String(printed.exit)],
    ...Object.entries(printed.files).map(([name, content]) => [name, mask(content ?? 'not written')] as const),
  ]);
}

function reasonFor(
  table: readonly Allowed[],
  at: { id: string; line: string; where: string; direct: string; gateway: string },
): string | undefined {
  return table.find(
    ({ cases, only, where, direct, gateway }) =>
      cases.test(at.id) &&
      (only === undefined || only === at.line) &&
      where === at.where &&
      direct.test(at.direct) &&
      gateway.test(at.gateway),
  )?.reason;
}
