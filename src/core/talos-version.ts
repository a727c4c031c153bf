/**
 * True when a node of the first version is older than the second, in the order of semver.org section 11. A
 * pre-release is older than its release; a text that is no version is older than nothing.
 */
export function isOlder(version: string, than: string): boolean {
  const [left, right] = [parse(version), parse(than)];
  if (left === undefined || right === undefined) return false;
  for (let at = 0; at < 3; at++) {
    const difference = (left.numbers[at] ?? 0) - (right.numbers[at] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  if (left.pre === undefined || right.pre === undefined) return left.pre !== undefined && right.pre === undefined;
  return comparePre(left.pre, right.pre) < 0;
}

interface Parsed {
  readonly numbers: readonly number[];
  readonly pre: string | undefined;
}

function parse(version: string): Parsed | undefined {
  const match = /^v?(\d{1,6})\.(\d{1,6})\.(\d{1,6})(?:-([0-9A-Za-z.-]{1,128}))?(?:\+.*)?$/.exec(version);
  if (match === null) return undefined;
  return { numbers: match.slice(1, 4).map(Number), pre: match[4] };
}

function comparePre(left: string, right: string): number {
  const [ours, theirs] = [left.split('.'), right.split('.')];
  for (let at = 0; at < Math.max(ours.length, theirs.length); at++) {
    const [a, b] = [ours[at], theirs[at]];
    if (a === undefined || b === undefined) return a === undefined ? -1 : 1;
    const difference = comparePart(a, b);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Numbers before words, numbers by value. */
function comparePart(a: string, b: string): number {
  const [aIsNumber, bIsNumber] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (aIsNumber && bIsNumber) return Number(a) - Number(b);
  if (aIsNumber !== bIsNumber) return aIsNumber ? -1 : 1;
  return a === b ? 0 : a < b ? -1 : 1;
}
