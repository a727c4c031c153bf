// For text that a node made up (error messages), of which nobody can say beforehand what it repeats.

const patterns: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z0-9 ]{1,40}-----[^]*?(?:-----END [A-Z0-9 ]{1,40}-----|$)/g, '***'],
  [/\b(bearer|basic)\s+[^\s"',;]+/gi, '$1 ***'],
  [/(\/\/)[^\s/@]+@/g, '$1***@'],
  [
    /((?:token|passw(?:or)?d|passphrase|secret|apikey|api[-_]key|private[-_]?key|psk|auth)["']?\s*[=:]\s*["'`]?)[^\s"'`,;&]+/gi,
    '$1***',
  ],
  // Keys and tokens are long; digests, which say what an image is, stay.
  [
    /(?<!sha256:|[A-Za-z0-9+/_=-])(?=[A-Za-z0-9+/_=-]*\d)(?=[A-Za-z0-9+/_=-]*[A-Za-z])(?![a-z]+:\/\/)[A-Za-z0-9+_=-]{32,}/g,
    '***',
  ],
];

/** Puts `***` in place of what looks like a key, token or password. Takes time in proportion to the text; cut it before. */
export function maskSecrets(text: string): string {
  return patterns.reduce((masked, [pattern, by]) => masked.replace(pattern, by), text);
}
