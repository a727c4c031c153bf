/**
 * A terminal of the few things the gateway prints: text that wraps, CR, LF, bell, cursor up, clear to the end. Says what
 * a person would see. Throws on any other control character, so that nothing unexpected gets printed unnoticed.
 */
export function screenOf(printed: string, width: number): string[] {
  const rows: string[][] = [[]];
  let row = 0;
  let column = 0;
  const put = (character: string): void => {
    const columns = /[\u4e00-\u9fff]/.test(character) ? 2 : 1;
    if (column + columns > width) {
      row += 1;
      column = 0;
    }
    const line = (rows[row] ??= []);
    line[column] = character;
    if (columns === 2) line[column + 1] = '';
    column += columns;
  };
  for (const token of printed.match(/\x1b\[[0-9]*[A-Za-z]|[\s\S]/gu) ?? []) {
    const up = /^\x1b\[([0-9]*)A$/.exec(token);
    if (up !== null) row = Math.max(0, row - Number(up[1] === '' ? 1 : up[1]));
    else if (token === '\x1b[J') {
      rows.length = row + 1;
      rows[row] = (rows[row] ?? []).slice(0, column);
    } else if (token === '\r') column = 0;
    else if (token === '\n') row += 1;
    else if (token !== '\x07') {
      if (/\p{Cc}/u.test(token)) throw new Error(`printed ${JSON.stringify(token)}`);
      put(token);
    }
  }
  return Array.from({ length: rows.length }, (_, at) => {
    const line = rows[at] ?? [];
    return Array.from({ length: line.length }, (_cell, index) => line[index] ?? ' ').join('');
  });
}
