/**
 * The only pattern language of policy rules. `*` stands for any characters inside one segment, `**` as a whole segment
 * for one or more segments; everything else is literal, and a pattern always covers the whole text. There are no regular
 * expressions here on purpose: matching is linear in the length of what is asked, whatever the caller sends.
 */
export interface SegmentGlob {
  readonly text: string;
  /** The literal text between the stars; a single piece means there is no star. */
  readonly pieces: readonly string[];
}

/** A pattern over `/`-separated segments; `undefined` stands for a `**` segment. */
export interface PathGlob {
  readonly text: string;
  readonly segments: readonly (SegmentGlob | undefined)[];
}

/** Compiles a pattern for one segment. The caller has checked that it holds neither `/` nor `**`. */
export function compileSegment(text: string): SegmentGlob {
  return { text, pieces: text.split('*') };
}

/** Compiles a pattern over segments. The caller has checked that `**` only stands as a whole segment. */
export function compilePath(text: string): PathGlob {
  return { text, segments: text.split('/').map(part => (part === '**' ? undefined : compileSegment(part))) };
}

/** True when the pattern covers the whole segment. */
export function matchSegment(glob: SegmentGlob, segment: string): boolean {
  const { pieces } = glob;
  const first = pieces[0] ?? '';
  if (pieces.length === 1) return segment === first;
  const last = pieces[pieces.length - 1] ?? '';
  const end = segment.length - last.length;
  if (end < first.length || !segment.startsWith(first) || !segment.endsWith(last)) return false;
  let position = first.length;
  for (let index = 1; index < pieces.length - 1; index += 1) {
    const piece = pieces[index] ?? '';
    const found = segment.indexOf(piece, position);
    if (found < 0 || found + piece.length > end) return false;
    position = found + piece.length;
  }
  return true;
}

/** True when the pattern covers all segments from `from` on. */
export function matchPath(glob: PathGlob, segments: readonly string[], from = 0): boolean {
  return align(glob.segments, segments, from, matchSegment);
}

/**
 * True when everything that `narrow` matches is certainly matched by `wide`. It may miss a case (then it says false),
 * it never claims too much.
 */
export function coversPath(wide: PathGlob, narrow: PathGlob): boolean {
  // A star of `narrow` read as a character can only be met by a star of `wide`, because no literal text holds one.
  return align(wide.segments, narrow.segments, 0, (glob, part) => part !== undefined && matchSegment(glob, part.text));
}

/** The same question as `coversPath` for patterns of one segment. */
export function coversSegment(wide: SegmentGlob, narrow: SegmentGlob): boolean {
  return matchSegment(wide, narrow.text);
}

/**
 * Walks pattern and parts together and, on a mismatch, lets the last `**` take one part more. Earlier `**` need no second
 * try: the parts between two of them are a fixed number of segments, so their first fit is also their shortest.
 */
function align<Part>(
  pattern: readonly (SegmentGlob | undefined)[],
  parts: readonly Part[],
  from: number,
  fits: (glob: SegmentGlob, part: Part) => boolean,
): boolean {
  let at = 0;
  let part = from;
  let openAt = -1;
  let openEnd = 0;
  while (part < parts.length) {
    const glob = pattern[at];
    if (at < pattern.length && glob === undefined) {
      openAt = at;
      openEnd = part + 1;
      at += 1;
      part += 1;
    } else if (glob !== undefined && fits(glob, parts[part] as Part)) {
      at += 1;
      part += 1;
    } else if (openAt >= 0) {
      openEnd += 1;
      at = openAt + 1;
      part = openEnd;
    } else {
      return false;
    }
  }
  return at === pattern.length;
}
