import type { CommandCase, Step } from '../cases/case.ts';
import { allow } from './allowed.ts';
import { lastWords, masked } from './masks.ts';
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
export function compare(one: CommandCase, direct: readonly Printed[], gateway: readonly Printed[]): Difference[] {
  return one.steps.flatMap((step, index) => {
    const ours = shown(one, step, direct[index]);
    const theirs = shown(one, step, gateway[index]);
    return [...new Set([...ours.keys(), ...theirs.keys()])].flatMap(where => {
      const found = differ(one, ours.get(where) ?? '', theirs.get(where) ?? '');
      return found === undefined ? [] : [{ where: one.steps.length > 1 ? `${index + 1}:${where}` : where, ...found }];
    });
  });
}

function differ(one: CommandCase, direct: string, gateway: string): Omit<Difference, 'where'> | undefined {
  const order = (text: string): string => (one.anyOrder === true ? text.split('\n').toSorted().join('\n') : text);
  if (order(direct) === order(gateway)) return undefined;
  if (one.differs !== undefined) return { direct, gateway, allowed: one.differs };
  const rest = allow(direct, gateway);
  const allowed = order(rest.direct) === order(rest.gateway) ? rest.reasons.join('; ') : undefined;
  return { direct: order(direct), gateway: order(gateway), allowed };
}

function shown(one: CommandCase, { lines }: Step, printed: Printed | undefined): Map<string, string> {
  if (printed === undefined) return new Map([['exit', 'not run']]);
  const mask = (text: string): string => masked(text, one.masks);
  const interrupted = lines?.then === 'interrupt' && typeof printed.exit === 'number';
  return new Map([
    ['stdout', mask(printed.stdout)],
    ['stderr', interrupted ? mask(printed.stderr).replaceAll(lastWords, '') : mask(printed.stderr)],
    ['exit', interrupted ? 'interrupted' : String(printed.exit)],
    ...Object.entries(printed.files).map(([name, content]) => [name, mask(content ?? 'not written')] as const),
  ]);
}
