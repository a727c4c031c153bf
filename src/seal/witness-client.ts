import { cosignedAt, parseCheckpoint } from '../tlog/checkpoint.ts';
import type { Hash } from '../tlog/merkle.ts';
import { parseSignatureLines, signatureLine, signaturesBy, type Verifier } from '../tlog/note.ts';

/** A witness as the settings name it. */
export interface WitnessTarget {
  readonly url: string;
  readonly key: Verifier;
}

/**
 * What a witness made of a checkpoint. `cosigned`: with its signature line. `other-size`: it stands at that size, and
 * wants a proof from there. `refused`: it holds the checkpoint to contradict what it has seen. `away`: no answer of use.
 */
export type WitnessAnswer =
  | { readonly kind: 'cosigned'; readonly line: string; readonly seconds: number }
  | { readonly kind: 'other-size'; readonly size: number }
  | { readonly kind: 'refused'; readonly status: number }
  | { readonly kind: 'away'; readonly why: string };

/** Largest answer that is read, in characters. */
const maxAnswer = 16_384;

/** Sends a checkpoint with the proof that it continues the one of `old` leaves (C2SP tlog-witness). Never rejects. */
export async function addCheckpoint(
  witness: WitnessTarget,
  old: number,
  proof: readonly Hash[],
  note: string,
  timeoutMs: number,
): Promise<WitnessAnswer> {
  const lines = proof.map(hash => `${hash.toString('base64')}\n`).join('');
  try {
    const response = await fetch(`${witness.url.replace(/\/$/, '')}/add-checkpoint`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      body: `old ${old}\n${lines}\n${note}`,
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await readAtMost(response, maxAnswer);
    if (response.status === 200) return cosignature(text, note, witness.key);
    if (response.status === 409) return otherSize(text);
    if (response.status === 422) return { kind: 'refused', status: response.status };
    return { kind: 'away', why: `it answered ${response.status}` };
  } catch (cause) {
    return { kind: 'away', why: cause instanceof Error ? reasonOf(cause) : 'no answer' };
  }
}

function cosignature(text: string, note: string, key: Verifier): WitnessAnswer {
  const signatures = parseSignatureLines(text);
  const seconds = cosignedAt(parseCheckpoint(note).note.text, signatures, key);
  const [own] = signaturesBy({ signatures }, key);
  if (seconds === undefined || own === undefined) return { kind: 'away', why: 'it signed with another key' };
  return { kind: 'cosigned', line: signatureLine(own, own.bytes), seconds };
}

function otherSize(text: string): WitnessAnswer {
  const size = /^(0|[1-9][0-9]{0,15})\n$/.exec(text)?.[1];
  return size === undefined ? { kind: 'away', why: 'it named no size' } : { kind: 'other-size', size: Number(size) };
}

async function readAtMost(response: Response, limit: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length > limit) throw new Error('its answer is too long');
  }
  return text + decoder.decode();
}

/** fetch says only that it failed; the reason is in its cause. */
function reasonOf(error: Error): string {
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message;
}
