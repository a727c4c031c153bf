import { GateError } from '../core/gate-error.ts';
import type { FieldReader, Read } from './field-reader.ts';
import { encodeSegment } from './segment.ts';

/** `file/etc/hosts` for the path in the field `argument`; `file` for the root or no path. Throws as `describePath`. */
export function fileResource(fields: FieldReader, argument: string): Read<string> {
  const path = fields.string(argument);
  return message => describePath(path(message));
}

/** As `fileResource`, one for each of a list of paths. */
export function filesResource(fields: FieldReader, argument: string): Read<readonly string[]> {
  const paths = fields.strings(argument);
  return message => {
    const named = paths(message);
    return named.length === 0 ? ['file'] : named.map(describePath);
  };
}

/**
 * A relative path is one from the root: the node puts a slash before it (List, DiskUsage), refuses it (Copy), or looks
 * it up from its own working directory (Read, Statfs), which is the root (talos switchroot.go; v1alpha1_server.go).
 *
 * Throws GateError `denied` for what would lead past a rule: `.` and `..`, empty segments, NUL, and everything of a
 * process, because /proc/<pid>/root and /proc/<pid>/cwd are the whole tree again (design: the node stats the path as
 * given).
 */
function describePath(path: string): string {
  if (path === '' || path === '/') return 'file';
  if (path.includes('\0')) throw refused('must not contain a NUL byte');
  const segments = (path.startsWith('/') ? path.slice(1) : path).split('/');
  if (segments.at(-1) === '') segments.pop(); // the node drops one trailing slash
  for (const segment of segments) {
    if (segment === '') throw refused('must not contain "//"');
    if (segment === '.' || segment === '..') throw refused('must not contain "." or ".."');
  }
  if (segments[0] === 'proc' && processes.test(segments[1] ?? ''))
    throw refused('must not lead into a process below /proc');
  return `file/${segments.map(encodeSegment).join('/')}`;
}

const processes = /^(?:[0-9]+|self|thread-self)$/;

const refused = (what: string): GateError => new GateError('denied', `a path on a node ${what}`);
