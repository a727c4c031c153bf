import { open } from 'node:fs/promises';
import type { AuditLine } from '../../core/audit-line.ts';
import { toJsonLine } from '../formats/json-lines.ts';
import { away, delivered, type Sink } from '../sink.ts';

/**
 * Lines of JSON at the end of a file, on disk before they count. `%Y`, `%m` and `%d` in its name stand for the day (UTC) on
 * which the database took the record in, so that a new day begins a new file.
 */
export function createFileSink(path: string): Sink {
  return {
    batch: { records: 1000, bytes: 4 * 1024 * 1024 },
    deliver: async lines => {
      try {
        for (const [name, members] of byName(path, lines)) await append(name, members);
        return delivered;
      } catch (thrown) {
        return away(thrown);
      }
    },
    close: () => Promise.resolve(),
  };
}

function byName(path: string, lines: readonly AuditLine[]): Map<string, AuditLine[]> {
  const files = new Map<string, AuditLine[]>();
  for (const line of lines) {
    const [year = '', month = '', day = ''] = new Date(line.loggedAt).toISOString().slice(0, 10).split('-');
    const name = path.replaceAll('%Y', year).replaceAll('%m', month).replaceAll('%d', day);
    const known = files.get(name);
    if (known === undefined) files.set(name, [line]);
    else known.push(line);
  }
  return files;
}

async function append(name: string, lines: readonly AuditLine[]): Promise<void> {
  const file = await open(name, 'a+', 0o600);
  try {
    const { size } = await file.stat();
    const last = Buffer.alloc(1);
    // What a crash left of a line is ended first; its record comes again in full.
    const torn = size > 0 && (await file.read(last, 0, 1, size - 1)).bytesRead === 1 && last[0] !== 0x0a;
    await file.appendFile((torn ? '\n' : '') + lines.map(line => `${toJsonLine(line)}\n`).join(''));
    await file.datasync();
  } finally {
    await file.close();
  }
}
