type State = 'ground' | 'escape' | 'sequence' | 'single' | 'string' | 'string-escape';

/** Longer than any key a terminal reports, shorter than anybody would type in the dark. */
const longestSequence = 64;

/**
 * Tells which characters belong to escape sequences (ECMA-48: CSI, SS2/SS3, OSC and other strings) that a terminal sends
 * for arrows, function keys, mouse and answers to questions. Enter ends a string, so a stray Escape key locks nobody in.
 */
export class EscapeFilter {
  #state: State = 'ground';
  #length = 0;

  /** True for a character that is part of a sequence and must not count as typed. */
  swallows(character: string): boolean {
    const before = this.#state;
    if (before === 'ground' && character !== '\x1b') return false;
    this.#length = before === 'ground' ? 0 : this.#length + 1;
    this.#state = this.#length > longestSequence ? 'ground' : next(before, character);
    const ends = character === '\r' || character === '\n';
    if (ends) this.#state = 'ground';
    return !ends;
  }
}

function next(state: State, character: string): State {
  if (character === '\x1b') return state === 'string' ? 'string-escape' : 'escape';
  switch (state) {
    case 'escape':
      if (character === '[') return 'sequence';
      if (character === 'O' || character === 'N') return 'single';
      return /^[\]PX^_]$/.test(character) ? 'string' : 'ground';
    case 'sequence':
      // Parameters and intermediates run from space to ?, the final byte from @ to ~.
      return /^[ -?]$/.test(character) ? 'sequence' : 'ground';
    case 'string':
      return character === '\x07' ? 'ground' : 'string';
    case 'string-escape':
      return character === '\\' ? 'ground' : 'string';
    case 'ground':
    case 'single':
      return 'ground';
  }
}
