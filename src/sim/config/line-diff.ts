/** One run of lines in a comparison. */
interface Step {
  readonly kind: ' ' | '-' | '+';
  readonly line: string;
}

const context = 3;

/** Unified difference of two texts, with the header that Talos prints; empty when they are equal. */
export function unifiedDiff(before: string, after: string): string {
  if (before === after) return '';
  const steps = compare(linesOf(before), linesOf(after));
  return `--- a\n+++ b\n${hunks(steps).join('')}`;
}

function linesOf(text: string): string[] {
  return text.endsWith('\n') ? text.slice(0, -1).split('\n') : text.split('\n');
}

/** Longest common subsequence between the common head and tail. */
function compare(a: readonly string[], b: readonly string[]): Step[] {
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) tail += 1;
  const same = (lines: readonly string[]): Step[] => lines.map(line => ({ kind: ' ', line }));
  return [
    ...same(a.slice(0, head)),
    ...middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail)),
    ...same(a.slice(a.length - tail)),
  ];
}

function middle(a: readonly string[], b: readonly string[]): Step[] {
  const removed = (lines: readonly string[]): Step[] => lines.map(line => ({ kind: '-', line }));
  const added = (lines: readonly string[]): Step[] => lines.map(line => ({ kind: '+', line }));
  if (a.length * b.length > 4_000_000) return [...removed(a), ...added(b)];
  const lengths = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  const at = (i: number, j: number): number => lengths[i]?.[j] ?? 0;
  for (let i = a.length - 1; i >= 0; i -= 1) {
    const row = lengths[i];
    for (let j = b.length - 1; row !== undefined && j >= 0; j -= 1) {
      row[j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const steps: Step[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      steps.push({ kind: ' ', line: a[i] ?? '' });
      i += 1;
      j += 1;
    } else if (at(i + 1, j) >= at(i, j + 1)) steps.push(...removed(a.slice(i, (i += 1))));
    else steps.push(...added(b.slice(j, (j += 1))));
  }
  return [...steps, ...removed(a.slice(i)), ...added(b.slice(j))];
}

function hunks(steps: readonly Step[]): string[] {
  const out: string[] = [];
  let from = 0;
  while (from < steps.length) {
    const first = steps.findIndex((step, index) => index >= from && step.kind !== ' ');
    if (first === -1) break;
    const start = Math.max(from, first - context);
    let last = first;
    for (let index = first; index < steps.length && index <= last + 2 * context; index += 1) {
      if (steps[index]?.kind !== ' ') last = index;
    }
    const end = Math.min(steps.length, last + context + 1);
    out.push(hunk(steps, start, end));
    from = end;
  }
  return out;
}

function hunk(steps: readonly Step[], start: number, end: number): string {
  const before = steps.slice(0, start);
  const inside = steps.slice(start, end);
  const count = (list: readonly Step[], without: Step['kind']): number =>
    list.filter(step => step.kind !== without).length;
  const range = (without: Step['kind']): string => `${count(before, without) + 1},${count(inside, without)}`;
  const body = inside.map(step => `${step.kind}${step.line}\n`).join('');
  return `@@ -${range('+')} +${range('-')} @@\n${body}`;
}
