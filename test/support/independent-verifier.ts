import { createHash, createPublicKey, verify } from 'node:crypto';

// A second opinion on proofs, written from the texts of RFC 9162 (2.1.3.2), C2SP signed-note, tlog-cosignature and
// tlog-proof. Shares no code with src, and must not.

/** Whether the proof is good under the log's and the witness's verifier key. Gives the body of the record, or says why not. */
export function judgeProof(text: string, logKey: string, witnessKey: string): { body: string } | { refused: string } {
  const blank = text.indexOf('\n\n');
  const head = text.slice(0, blank).split('\n');
  if (head.shift() !== 'c2sp.org/tlog-proof@v1') return { refused: 'header' };
  const extra = head.shift()?.split(' ') ?? [];
  const index = head.shift()?.split(' ') ?? [];
  if (extra[0] !== 'extra' || index[0] !== 'index') return { refused: 'lines' };
  const body = Buffer.from(extra[1] ?? '', 'base64');
  const path = head.map(line => Buffer.from(line, 'base64'));

  const note = text.slice(blank + 2);
  const noteBlank = note.lastIndexOf('\n\n');
  const signed = note.slice(0, noteBlank + 1);
  const lines = note
    .slice(noteBlank + 2)
    .trimEnd()
    .split('\n');
  const [origin, size, root] = signed.split('\n');
  if (origin !== logKey.split('+')[0]) return { refused: 'origin' };
  const logSignature = signatureOf(lines, logKey, 1);
  if (logSignature === undefined || !check(logKey, Buffer.from(signed), logSignature))
    return { refused: 'log signature' };
  const cosignature = signatureOf(lines, witnessKey, 4);
  if (cosignature === undefined) return { refused: 'no cosignature' };
  const time = cosignature.readBigUInt64BE(0);
  const cosigned = Buffer.from(`cosignature/v1\ntime ${time}\n${signed}`);
  if (!check(witnessKey, cosigned, cosignature.subarray(8))) return { refused: 'cosignature' };

  const sha = (...parts: Buffer[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();
  let fn = BigInt(index[1] ?? '');
  let sn = BigInt(size ?? '') - 1n;
  if (fn > sn) return { refused: 'index' };
  let r = sha(Buffer.of(0), body);
  for (const p of path) {
    if (sn === 0n) return { refused: 'path too long' };
    if ((fn & 1n) === 1n || fn === sn) {
      r = sha(Buffer.of(1), p, r);
      if ((fn & 1n) === 0n) {
        do {
          fn >>= 1n;
          sn >>= 1n;
        } while ((fn & 1n) === 0n && fn !== 0n);
      }
    } else {
      r = sha(Buffer.of(1), r, p);
    }
    fn >>= 1n;
    sn >>= 1n;
  }
  if (sn !== 0n || r.toString('base64') !== root) return { refused: 'not included' };
  return { body: body.toString('utf8') };
}

function signatureOf(lines: readonly string[], vkey: string, type: number): Buffer | undefined {
  const [name = '', id = '', key = ''] = vkey.split(/\+(?=[0-9a-f]{8}\+)|(?<=\+[0-9a-f]{8})\+/);
  const material = Buffer.from(key, 'base64');
  if (material[0] !== type) return undefined;
  for (const line of lines) {
    const [dash, by, encoded = ''] = line.split(' ');
    const bytes = Buffer.from(encoded, 'base64');
    if (dash === '\u2014' && by === name && bytes.toString('hex', 0, 4) === id) return bytes.subarray(4);
  }
  return undefined;
}

function check(vkey: string, message: Buffer, signature: Buffer): boolean {
  const key = Buffer.from(vkey.slice(vkey.lastIndexOf('+', vkey.length - 44) + 1), 'base64').subarray(1);
  // SubjectPublicKeyInfo of Ed25519, RFC 8410: a fixed beginning, then the key.
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key]);
  return verify(null, message, createPublicKey({ key: der, format: 'der', type: 'spki' }), signature);
}
