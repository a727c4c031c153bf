import { type Parsed, parsed, refused } from './problem.ts';

type Test = (character: string) => boolean;
type Step =
  | { readonly kind: 'character'; readonly test: Test }
  | { readonly kind: 'split'; readonly to: readonly number[] }
  | { readonly kind: 'end' };

type Tree =
  | { readonly kind: 'character'; readonly test: Test }
  | { readonly kind: 'all' | 'any'; readonly parts: readonly Tree[] }
  | { readonly kind: 'repeat'; readonly part: Tree; readonly least: number; readonly most: number };

/** Most steps of a compiled pattern; with a text of 500 characters that is a million comparisons at worst. */
const mostSteps = 2_000;
const mostRepeats = 100;

/**
 * Reads a regular expression that covers a whole text. It is run by walking all its states at once and so in linear time:
 * there is no text that makes it slow, which JavaScript's own engine cannot promise. Known are characters, `.`, classes,
 * `\d \w \s`, groups, `|`, `* + ? {n,m}`; look-around, back references and anchors are refused.
 */
export function parseSafePattern(text: string): Parsed<(subject: string) => boolean> {
  try {
    const reader = new Reader(text);
    const tree = reader.alternatives();
    if (!reader.done) throw new SyntaxError('a ")" too many');
    const steps: Step[] = [];
    emit(tree, steps);
    steps.push({ kind: 'end' });
    return parsed(subject => run(steps, subject));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return refused(`the pattern cannot be used: ${error.message}`);
  }
}

function run(steps: readonly Step[], subject: string): boolean {
  let states = follow(steps, [0]);
  for (const character of subject) {
    const next: number[] = [];
    for (const at of states) {
      const step = steps[at];
      if (step?.kind === 'character' && step.test(character)) next.push(at + 1);
    }
    states = follow(steps, next);
    if (states.size === 0) return false;
  }
  return [...states].some(at => steps[at]?.kind === 'end');
}

function follow(steps: readonly Step[], from: readonly number[]): Set<number> {
  const reached = new Set<number>();
  const open = [...from];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (reached.has(at)) continue;
    reached.add(at);
    const step = steps[at];
    if (step?.kind === 'split') open.push(...step.to);
  }
  return reached;
}

function emit(tree: Tree, steps: Step[]): void {
  if (steps.length > mostSteps) throw new SyntaxError('it is too long; repeat less');
  switch (tree.kind) {
    case 'character':
      steps.push(tree);
      return;
    case 'all':
      for (const part of tree.parts) emit(part, steps);
      return;
    case 'any': {
      const ends: number[] = [];
      const starts: number[] = [];
      const fork = reserve(steps);
      for (const part of tree.parts) {
        starts.push(steps.length);
        emit(part, steps);
        ends.push(reserve(steps));
      }
      steps[fork] = { kind: 'split', to: starts };
      for (const end of ends) steps[end] = { kind: 'split', to: [steps.length] };
      return;
    }
    case 'repeat':
      emitRepeat(tree, steps);
  }
}

function emitRepeat({ part, least, most }: Extract<Tree, { kind: 'repeat' }>, steps: Step[]): void {
  for (let count = 0; count < least; count += 1) {
    const before = steps.length;
    emit(part, steps);
    // What is made of nothing is the same however often; repeats of repeats of it would never end.
    if (steps.length === before) break;
  }
  if (most === Infinity) {
    const fork = reserve(steps);
    emit(part, steps);
    steps.push({ kind: 'split', to: [fork] });
    steps[fork] = { kind: 'split', to: [fork + 1, steps.length] };
    return;
  }
  const forks: number[] = [];
  for (let count = least; count < most; count += 1) {
    forks.push(reserve(steps));
    emit(part, steps);
  }
  for (const fork of forks) steps[fork] = { kind: 'split', to: [fork + 1, steps.length] };
}

function reserve(steps: Step[]): number {
  return steps.push({ kind: 'split', to: [] }) - 1;
}

const digit: Test = character => /^[0-9]$/.test(character);
const word: Test = character => /^[A-Za-z0-9_]$/.test(character);
const space: Test = character => /^\s$/u.test(character);
const not =
  (test: Test): Test =>
  character =>
    !test(character);
const shorthands = new Map<string, Test>([
  ...(['d', 'D'] as const).map(name => [name, name === 'd' ? digit : not(digit)] as const),
  ...(['w', 'W'] as const).map(name => [name, name === 'w' ? word : not(word)] as const),
  ...(['s', 'S'] as const).map(name => [name, name === 's' ? space : not(space)] as const),
]);

class Reader {
  readonly #characters: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#characters = Array.from(text);
    if (this.#characters.length > 200) throw new SyntaxError('it is longer than 200 characters');
  }

  get done(): boolean {
    return this.#at >= this.#characters.length;
  }

  alternatives(): Tree {
    const parts = [this.#sequence()];
    while (this.#take('|')) parts.push(this.#sequence());
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: 'any', parts };
  }

  #sequence(): Tree {
    const parts: Tree[] = [];
    while (!this.done && this.#peek !== '|' && this.#peek !== ')') parts.push(this.#repeated(this.#atom()));
    return { kind: 'all', parts };
  }

  #repeated(part: Tree): Tree {
    const mark = this.#peek;
    const bounds =
      mark === '*'
        ? ([0, Infinity] as const)
        : mark === '+'
          ? ([1, Infinity] as const)
          : mark === '?'
            ? ([0, 1] as const)
            : undefined;
    if (bounds === undefined && mark !== '{') return part;
    const [least, most] = bounds ?? this.#counts();
    if (bounds !== undefined) this.#at += 1;
    if (['*', '+', '?', '{'].includes(this.#peek)) throw new SyntaxError('two repetitions in a row');
    return { kind: 'repeat', part, least, most };
  }

  #counts(): readonly [number, number] {
    const match = /^\{([0-9]{1,3})(,([0-9]{1,3})?)?\}/.exec(this.#characters.slice(this.#at, this.#at + 10).join(''));
    if (match === null)
      throw new SyntaxError('a "{" is followed by a count, such as {2} or {2,5}; write \\{ for itself');
    this.#at += match[0].length;
    const least = Number(match[1]);
    const most = match[2] === undefined ? least : match[3] === undefined ? Infinity : Number(match[3]);
    if (least > mostRepeats || (most !== Infinity && most > mostRepeats) || most < least) {
      throw new SyntaxError(`a count is at most ${mostRepeats}, the smaller one first`);
    }
    return [least, most];
  }

  #atom(): Tree {
    const character = this.#next();
    switch (character) {
      case '(':
        return this.#group();
      case '[':
        return { kind: 'character', test: this.#class() };
      case '.':
        return { kind: 'character', test: () => true };
      case '\\':
        return { kind: 'character', test: this.#escape() };
      case '^':
      case '$':
        throw new SyntaxError('it covers the whole text anyway; leave ^ and $ out, or write \\^ and \\$');
      case '*':
      case '+':
      case '?':
      case '{':
        throw new SyntaxError(`nothing to repeat before "${character}"`);
      default:
        return literal(character);
    }
  }

  #group(): Tree {
    if (this.#take('?') && !this.#take(':')) throw new SyntaxError('look-around and named groups are not known');
    this.#depth += 1;
    if (this.#depth > 20) throw new SyntaxError('more than 20 groups inside one another');
    const inner = this.alternatives();
    if (!this.#take(')')) throw new SyntaxError('a "(" without its ")"');
    this.#depth -= 1;
    return inner;
  }

  #class(): Test {
    const negated = this.#take('^');
    const tests: Test[] = [];
    do {
      const from = this.#next();
      if (from === '[') throw new SyntaxError('write \\[ for a bracket inside brackets');
      if (from === '\\') tests.push(this.#escape());
      else if (this.#peek === '-' && this.#characters[this.#at + 1] !== ']') {
        this.#at += 1;
        tests.push(range(from, this.#next()));
      } else tests.push(character => character === from);
    } while (!this.#take(']'));
    return negated
      ? character => !tests.some(test => test(character))
      : character => tests.some(test => test(character));
  }

  #escape(): Test {
    const name = this.#next();
    const test = shorthands.get(name);
    if (test !== undefined) return test;
    if (/^[A-Za-z0-9]$/.test(name)) throw new SyntaxError(`\\${name} is not known`);
    return character => character === name;
  }

  get #peek(): string {
    return this.#characters[this.#at] ?? '';
  }

  #next(): string {
    const character = this.#characters[this.#at];
    if (character === undefined) throw new SyntaxError('it ends too early');
    this.#at += 1;
    return character;
  }

  #take(character: string): boolean {
    if (this.#peek !== character) return false;
    this.#at += 1;
    return true;
  }
}

function literal(wanted: string): Tree {
  return { kind: 'character', test: character => character === wanted };
}

function range(from: string, to: string): Test {
  const [low, high] = [from.codePointAt(0) ?? 0, to.codePointAt(0) ?? 0];
  if (to === '\\' || to === '[' || high < low) throw new SyntaxError(`"${from}-${to}" is no range`);
  return character => {
    const point = character.codePointAt(0) ?? -1;
    return point >= low && point <= high;
  };
}
