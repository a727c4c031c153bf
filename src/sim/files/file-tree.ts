/** A directory of the simulated node. */
export interface SimDirectory {
  readonly kind: 'directory';
  readonly mode: number;
  readonly entries: ReadonlyMap<string, SimEntry>;
}

/** A file; contents are made at the moment of reading, as in /proc. */
export interface SimFile {
  readonly kind: 'file';
  readonly mode: number;
  readonly read: () => Buffer;
}

export interface SimLink {
  readonly kind: 'link';
  readonly mode: number;
  readonly target: string;
}

export type SimEntry = SimDirectory | SimFile | SimLink;

/** Why a path leads nowhere; the text is Go's. */
export type LookupFailure = 'no such file or directory' | 'not a directory' | 'too many levels of symbolic links';

export type Lookup =
  | { readonly ok: true; readonly path: string; readonly entry: SimEntry }
  | { readonly ok: false; readonly failure: LookupFailure };

/** Contents by absolute path: text, a function for what changes, or a link. Parent directories need no mention. */
export interface FileSpec {
  readonly mode?: number;
  readonly content?: string | Buffer | (() => string | Buffer);
  readonly linkTo?: string;
  /** An empty directory. */
  readonly directory?: true;
}

/** An in-memory file system: no path ever reaches the host's disk. */
export class FileTree {
  readonly #root: MutableDirectory = newDirectory();

  constructor(files: Readonly<Record<string, FileSpec | string>>) {
    for (const [path, spec] of Object.entries(files))
      this.put(path, typeof spec === 'string' ? { content: spec } : spec);
  }

  /** Adds or replaces an entry, making directories on the way. */
  put(path: string, spec: FileSpec): void {
    const names = namesOf(path);
    const last = names.pop();
    if (last === undefined) return;
    let at = this.#root;
    for (const name of names) {
      const next = at.entries.get(name);
      if (next?.kind === 'directory') at = next as MutableDirectory;
      else {
        const made = newDirectory();
        at.entries.set(name, made);
        at = made;
      }
    }
    if (spec.directory === true && at.entries.get(last)?.kind === 'directory') return;
    at.entries.set(last, entryOf(spec));
  }

  /** Follows the path as the kernel does, `..` and links included; the last link only when `follow` is set. */
  lookup(path: string, follow = true): Lookup {
    return this.#walk(namesOf(path), follow, 0);
  }

  #walk(names: readonly string[], follow: boolean, links: number): Lookup {
    if (links > 40) return { ok: false, failure: 'too many levels of symbolic links' };
    const trail: { name: string; entry: SimEntry }[] = [];
    const rest = [...names];
    for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
      if (name === '..') {
        trail.pop();
        continue;
      }
      const here = trail.at(-1)?.entry ?? this.#root;
      if (here.kind !== 'directory') return { ok: false, failure: 'not a directory' };
      const entry = here.entries.get(name);
      if (entry === undefined) return { ok: false, failure: 'no such file or directory' };
      if (entry.kind === 'link' && (follow || rest.length > 0)) {
        const base = entry.target.startsWith('/') ? [] : trail.map(step => step.name);
        return this.#walk([...base, ...namesOf(entry.target), ...rest], follow, links + 1);
      }
      trail.push({ name, entry });
    }
    return { ok: true, path: `/${trail.map(step => step.name).join('/')}`, entry: trail.at(-1)?.entry ?? this.#root };
  }
}

/** Size as `stat` shows it: directories have one block, files in /proc report their real length here. */
export function sizeOf(entry: SimEntry): number {
  if (entry.kind === 'directory') return 4096;
  return entry.kind === 'link' ? entry.target.length : entry.read().length;
}

type MutableDirectory = SimDirectory & { readonly entries: Map<string, SimEntry> };

function newDirectory(): MutableDirectory {
  return { kind: 'directory', mode: 0o755, entries: new Map() };
}

function entryOf(spec: FileSpec): SimEntry {
  if (spec.directory === true) return { ...newDirectory(), mode: spec.mode ?? 0o755 };
  if (spec.linkTo !== undefined) return { kind: 'link', mode: 0o777, target: spec.linkTo };
  const content = spec.content ?? '';
  const read = typeof content === 'function' ? content : () => content;
  return { kind: 'file', mode: spec.mode ?? 0o644, read: () => Buffer.from(read()) };
}

function namesOf(path: string): string[] {
  return path.split('/').filter(name => name !== '' && name !== '.');
}
