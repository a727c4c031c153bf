/** Where a subcommand writes: standard output and error of the process, or a test's own. */
export interface Output {
  out(line: string): void;
  error(line: string): void;
}

export const processOutput: Output = {
  out: line => void process.stdout.write(`${line}\n`),
  error: line => void process.stderr.write(`${line}\n`),
};

/**
 * Lays rows out in columns as wide as their content. What came from callers (node names, reasons, user agents) is
 * stripped of control and bidi characters, so that an audit row cannot steer the terminal of whoever reads it.
 */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const lines = [header, ...rows].map(row => row.map(safeText));
  const widths = header.map((_, column) => Math.max(...lines.map(row => row[column]?.length ?? 0)));
  return lines.map(row =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** Replaces everything that is not plainly printable. */
export function safeText(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu, '\u{fffd}');
}
