/** How a command line is cut: commands joined by `;`, `&&` or `||`, each a list of words. */
export interface Command {
  readonly words: readonly string[];
  /** Which status of the command before lets this one run. */
  readonly when: 'always' | 'success' | 'failure';
}

/**
 * Reads one line of the built-in shell: words, quotes, `$NAME`, `$?`, `#` comments. Pipes, redirections and globs are
 * not part of it. Returns undefined when a quote stays open.
 */
export function parseLine(line: string, variable: (name: string) => string): readonly Command[] | string {
  const tokens = tokenize(line, variable);
  if (tokens === undefined) return 'syntax error: unterminated quoted string';
  const foreign = tokens.find(({ text, quoted }) => !quoted && /^(\||&|\d?[<>].*)$/.test(text));
  if (foreign !== undefined) return `${foreign.text}: not part of the simulated shell`;
  const commands: Command[] = [];
  let words: string[] = [];
  let when: Command['when'] = 'always';
  for (const token of tokens) {
    const joint = token.quoted ? undefined : joints[token.text];
    if (joint === undefined) words.push(token.text);
    else {
      commands.push({ words, when });
      words = [];
      when = joint;
    }
  }
  return [...commands, { words, when }].filter(command => command.words.length > 0);
}

interface Token {
  readonly text: string;
  readonly quoted: boolean;
}

const joints: Readonly<Record<string, Command['when']>> = { ';': 'always', '&&': 'success', '||': 'failure' };
const piece = /\s+|;|&&|\|\||"(?:[^"\\]|\\.)*"|'[^']*'|#.*$|(?:\\.|[^\s;&|"'\\])+|[&|\\]|["'].*$/y;

function tokenize(line: string, variable: (name: string) => string): Token[] | undefined {
  const tokens: Token[] = [];
  let open: { text: string; quoted: boolean } | undefined;
  const close = (): void => {
    if (open !== undefined) tokens.push(open);
    open = undefined;
  };
  piece.lastIndex = 0;
  for (let match = piece.exec(line); match !== null; match = piece.exec(line)) {
    const [part] = match;
    if (/^\s/.test(part)) close();
    else if (part in joints) {
      close();
      tokens.push({ text: part, quoted: false });
    } else if (part.startsWith('#') && open === undefined) break;
    else {
      const value = valueOf(part, variable);
      if (value === undefined) return undefined;
      const quoted = /^["']/.test(part);
      open = { text: (open?.text ?? '') + value, quoted: quoted || open?.quoted === true };
    }
    if (piece.lastIndex >= line.length) break;
  }
  close();
  return tokens;
}

function valueOf(part: string, variable: (name: string) => string): string | undefined {
  const quote = part.charAt(0);
  if (quote === "'" || quote === '"') {
    if (part.length < 2 || !part.endsWith(quote)) return undefined;
    const inside = part.slice(1, -1);
    return quote === "'" ? inside : expand(inside, variable);
  }
  return expand(part, variable);
}

function expand(text: string, variable: (name: string) => string): string {
  return text.replaceAll(
    /\\(.)|\$\{(\w+)\}|\$(\w+|\?)/g,
    (_all, escaped?: string, braced?: string, bare?: string) => escaped ?? variable(braced ?? bare ?? ''),
  );
}
