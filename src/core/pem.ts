/** One block of a PEM file (RFC 7468). */
export interface PemBlock {
  readonly label: string;
  readonly der: Buffer;
  /** Line of the BEGIN marker in the file, from 1. */
  readonly line: number;
}

/**
 * Makes a PEM text readable for OpenSSL. Talos writes Ed25519 keys as PKCS#8 under the label `ED25519 PRIVATE KEY`
 * (siderolabs/crypto x509/constants.go), which OpenSSL 3 does not know; the content is an ordinary `PRIVATE KEY`.
 */
export function normalisePem(pem: string): string {
  return pem.replaceAll(/-----(BEGIN|END) ED25519 PRIVATE KEY-----/g, '-----$1 PRIVATE KEY-----');
}

/** Cuts a PEM text into its blocks, labels normalised. Text between blocks is skipped, as OpenSSL and Go do. */
export function readPemBlocks(pem: string): PemBlock[] {
  const blocks: PemBlock[] = [];
  const pattern = /-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END \1-----/g;
  const text = normalisePem(pem);
  for (const match of text.matchAll(pattern)) {
    const line = text.slice(0, match.index).split('\n').length;
    blocks.push({ label: match[1] ?? '', der: Buffer.from(match[2] ?? '', 'base64'), line });
  }
  return blocks;
}

/** Wraps DER into one PEM block with lines of 64 characters and a final line break. */
export function writePem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
