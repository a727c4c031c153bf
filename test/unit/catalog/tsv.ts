import { readFileSync } from 'node:fs';

/** Rows of a fixture by column name. */
export function readTsv(name: string): Record<string, string>[] {
  const text = readFileSync(new URL(`../../fixtures/${name}`, import.meta.url), 'utf8');
  const [header = '', ...lines] = text.split('\n').filter(line => line !== '');
  const columns = header.split('\t');
  return lines.map(line => {
    const cells = line.split('\t');
    return Object.fromEntries(columns.map((column, at) => [column, cells[at] ?? '']));
  });
}
