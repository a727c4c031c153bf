import { type FileHandle, open, readdir, readFile, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';

/** A folder, or a tar archive that is read as one. Paths use slashes. */
export interface FileTree {
  /** Undefined where there is no such file. */
  read(path: string): Promise<Buffer | undefined>;
  /** Every file, in the order of names. */
  readonly paths: readonly string[];
  close(): Promise<void>;
}

/** Largest single file that is read whole, in bytes. */
const maxFile = 512 * 1024 * 1024;

/** Opens a folder or an uncompressed tar archive. Rejects with Error in words for people. */
export async function openFileTree(path: string): Promise<FileTree> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new Error(`${path} does not exist`);
  return found.isDirectory() ? await openFolder(path) : await openTar(path);
}

async function openFolder(root: string): Promise<FileTree> {
  const entries = await readdir(root, { withFileTypes: true, recursive: true });
  const paths = entries
    .filter(entry => entry.isFile())
    .map(entry => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .toSorted();
  const known = new Set(paths);
  return {
    paths,
    read: async name => (known.has(name) ? await readFile(join(root, name)) : undefined),
    close: () => Promise.resolve(),
  };
}

/** Reads the headers once (POSIX ustar, 512-byte blocks); contents when they are asked for. */
async function openTar(path: string): Promise<FileTree> {
  const handle = await open(path, 'r');
  const files = new Map<string, { readonly at: number; readonly size: number }>();
  try {
    const header = Buffer.alloc(512);
    for (let at = 0; (await handle.read(header, 0, 512, at)).bytesRead === 512 && header[0] !== 0; ) {
      const size = Number.parseInt(text(header, 124, 12), 8);
      const isUstar = text(header, 257, 5) === 'ustar';
      if (!isUstar || !Number.isSafeInteger(size) || size > maxFile) throw new Error(`${path} is not a tar archive`);
      const prefix = text(header, 345, 155);
      const name = (prefix === '' ? '' : `${prefix}/`) + text(header, 0, 100);
      const type = text(header, 156, 1);
      if (type === '0' || type === '') files.set(name.replace(/^\.\//, ''), { at: at + 512, size });
      at += 512 + Math.ceil(size / 512) * 512;
    }
    if (files.size === 0) throw new Error(`${path} is not a tar archive, or an empty one`);
  } catch (cause) {
    await handle.close();
    throw cause;
  }
  return {
    paths: [...files.keys()].toSorted(),
    read: async name => {
      const file = files.get(name);
      return file === undefined ? undefined : await readAt(handle, file.at, file.size);
    },
    close: () => handle.close(),
  };
}

async function readAt(handle: FileHandle, at: number, size: number): Promise<Buffer> {
  const bytes = Buffer.alloc(size);
  const { bytesRead } = await handle.read(bytes, 0, size, at);
  if (bytesRead !== size) throw new Error('the archive ends early');
  return bytes;
}

function text(block: Buffer, at: number, length: number): string {
  const bytes = block.subarray(at, at + length);
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? length : end).trim();
}
