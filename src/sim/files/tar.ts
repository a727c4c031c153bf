/** What goes into an archive. */
export interface TarEntry {
  /** Relative; directories end with a slash. */
  readonly name: string;
  readonly mode: number;
  /** Seconds since the epoch. */
  readonly modified: number;
  readonly kind: 'file' | 'directory' | 'link';
  readonly content?: Buffer;
  readonly target?: string;
}

const block = 512;
const types = { file: '0', link: '2', directory: '5' } as const;

/** An entry as ustar blocks (POSIX.1-1988). A name longer than 100 bytes is split at a slash into prefix and name. */
export function tarBlocks(entry: TarEntry): Buffer {
  const content = entry.content ?? Buffer.alloc(0);
  const header = Buffer.alloc(block);
  const [prefix, name] = split(entry.name);
  header.write(name, 0, 'utf8');
  header.write(prefix, 345, 'utf8');
  octal(header, 100, 8, entry.mode & 0o7777);
  octal(header, 108, 8, 0);
  octal(header, 116, 8, 0);
  octal(header, 124, 12, content.length);
  octal(header, 136, 12, entry.modified);
  header.write(types[entry.kind], 156, 'ascii');
  header.write((entry.target ?? '').slice(0, 100), 157, 'utf8');
  header.write('ustar\u000000', 257, 'latin1');
  header.write('root', 265, 'ascii');
  header.write('root', 297, 'ascii');
  // The sum is taken with its own field full of spaces.
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\u0000 `, 148, 'latin1');
  const padding = Buffer.alloc((block - (content.length % block)) % block);
  return Buffer.concat([header, content, padding]);
}

/** The two empty blocks at the end of an archive. */
export const tarEnd = Buffer.alloc(2 * block);

/** At the first slash after which the rest fits. Throws for a name that ustar cannot hold; simulated ones are shorter. */
function split(name: string): readonly [prefix: string, name: string] {
  if (name.length <= 100) return ['', name];
  const at = name.indexOf('/', name.length - 101);
  if (at < 0 || at > 155) throw new Error(`${name} is too long for an archive`);
  return [name.slice(0, at), name.slice(at + 1)];
}

function octal(header: Buffer, at: number, length: number, value: number): void {
  header.write(value.toString(8).padStart(length - 1, '0'), at, length - 1, 'ascii');
}
