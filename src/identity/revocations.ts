/** Certificates that no longer count, by serial or by key. */
export interface Revocations {
  has(certificate: { readonly serial: string; readonly fingerprint: string }): boolean;
  readonly size: number;
}

/**
 * Reads a revocation list: one certificate serial or SHA-256 of a SubjectPublicKeyInfo per line, hex, colons and
 * letter case free, `#` starts a comment. A serial counts for every CA. Throws on a line that is neither, so that a
 * typing mistake does not leave somebody in.
 */
export function parseRevocations(text: string): Revocations {
  const entries = new Set<string>();
  text.split(/\r?\n/).forEach((line, index) => {
    const value = (line.split('#')[0] ?? '').trim();
    if (value === '') return;
    const hex = normaliseHex(value);
    if (hex === undefined) {
      throw new Error(`line ${index + 1} is neither a certificate serial nor a SHA-256 fingerprint in hex`);
    }
    entries.add(hex);
  });
  return {
    has: ({ serial, fingerprint }) => entries.has(fingerprint) || entries.has(normaliseHex(serial) ?? serial),
    size: entries.size,
  };
}

/** Fingerprints are 64 digits and stay as they are; serials (RFC 5280: at most 20 bytes) lose leading zeros. */
function normaliseHex(text: string): string | undefined {
  const hex = text.replaceAll(':', '').replace(/^0x/i, '').toLowerCase();
  if (/^[0-9a-f]{64}$/.test(hex)) return hex;
  return /^[0-9a-f]{1,42}$/.test(hex) ? hex.replace(/^0+(?=.)/, '') : undefined;
}
