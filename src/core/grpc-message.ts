// PROTOCOL-HTTP2.md, "Status-Message": printable ASCII without '%' stands for itself, every other byte of the UTF-8
// text is written %XX.

const plain = /^[\x20-\x24\x26-\x7e]*$/;

/** Text as it may stand in `grpc-message`. */
export function encodeGrpcMessage(text: string): string {
  if (plain.test(text)) return text;
  let out = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    out +=
      byte < 0x20 || byte > 0x7e || byte === 0x25
        ? `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
        : String.fromCharCode(byte);
  }
  return out;
}

/** The text of a `grpc-message`. Sequences that are not %XX stay as they are; invalid UTF-8 is replaced, never refused. */
export function decodeGrpcMessage(encoded: string): string {
  if (!encoded.includes('%')) return encoded;
  const bytes: number[] = [];
  for (let i = 0; i < encoded.length; i++) {
    const hex = encoded[i] === '%' ? encoded.slice(i + 1, i + 3) : '';
    if (/^[0-9a-fA-F]{2}$/.test(hex)) {
      bytes.push(Number.parseInt(hex, 16));
      i += 2;
    } else {
      bytes.push(encoded.charCodeAt(i) & 0xff);
    }
  }
  return Buffer.from(bytes).toString('utf8');
}
