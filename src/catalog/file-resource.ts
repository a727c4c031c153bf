import { GateError } from '../core/gate-error.ts';
import type { FieldReader, Read } from './field-reader.ts';
import { encodeSegment } from './segment.ts';

/** `file/etc/hosts` for the path in the field `argument`; `file` for the root or no path. Throws as `describePath`. */
export function fileResource(fields: FieldReader, argument: string): Read<string> {
  const path = fields.string(argument);
  return message => describePath(path(message));
}

/**
 * As `fileResource`, for a list of paths. More than one is refused: one resource has to describe the whole request, and
 * no joined form would be seen by a rule that denies one of the paths.
 */
export function filesResource(fields: FieldReader, argument: string): Read<string> {
  const paths = fields.strings(argument);
  return message => {
    const [first = '', ...more] = paths(message);
    if (more.length > 0)
      throw new GateError('denied', 'ask for one path per call: talosgate decides on each path by itself');
    return describePath(first);
  };
}

/**
 * Throws GateError `denied` for what would lead past a rule: relative paths, `.` and `..`, empty segments, NUL, and
 * everything of a process, because /proc/<pid>/root and /proc/<pid>/cwd are the whole tree again (design: the node
 * stats the path as given).
 */
function describePath(path: string): string {
  if (path === '' || path === '/') return 'file';
  if (!path.startsWith('/')) throw refused('must be absolute');
  if (path.includes('\0')) throw refused('must not contain a NUL byte');
  const segments = path.slice(1).split('/');
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
