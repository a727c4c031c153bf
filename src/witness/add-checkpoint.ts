import type { Clock } from '../core/clock.ts';
import { cosign, openCheckpoint, parseCheckpoint } from '../tlog/checkpoint.ts';
import { emptyRoot, type Hash } from '../tlog/merkle.ts';
import type { Signer, Verifier } from '../tlog/note.ts';
import { verifyConsistency } from '../tlog/proof.ts';
import type { WitnessState } from './state.ts';

/** An HTTP answer. */
export interface WitnessReply {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422;
  readonly type: 'text/plain; charset=utf-8' | 'text/x.tlog.size';
  readonly body: string;
}

interface Submission {
  readonly old: number;
  readonly proof: readonly Hash[];
  readonly note: string;
}

export interface Witness {
  readonly logs: readonly Verifier[];
  readonly signer: Signer;
  readonly state: WitnessState;
  readonly clock: Clock;
}

/**
 * Judges one checkpoint as C2SP tlog-witness has it, status by status. What is cosigned is on the disk before the answer
 * is given, and no two answers for one log are ever given at once.
 */
export async function addCheckpoint(request: string, { logs, signer, state, clock }: Witness): Promise<WitnessReply> {
  const submission = parse(request);
  if (submission === undefined) return text(400, 'this is not an add-checkpoint request');
  const { old, proof, note } = submission;
  let origin: string;
  try {
    ({ origin } = parseCheckpoint(note));
  } catch {
    return text(400, 'the checkpoint is malformed');
  }
  const known = logs.filter(log => log.name === origin);
  if (known.length === 0) return text(404, 'this log is not known here');
  const checkpoint = known.map(log => openCheckpoint(note, log)).find(found => found !== undefined);
  if (checkpoint === undefined) return text(403, 'the checkpoint is not signed by this log');
  if (old > checkpoint.size) return text(400, 'the old size is larger than the checkpoint');

  return await state.update(origin, newest => {
    const seen = newest === undefined ? { size: 0, root: emptyRoot } : parseCheckpoint(newest);
    if (old !== seen.size) {
      return { result: { status: 409, type: 'text/x.tlog.size', body: `${seen.size}\n` } satisfies WitnessReply };
    }
    if (!verifyConsistency(old, checkpoint.size, proof, seen.root, checkpoint.root)) {
      return { result: text(422, 'the checkpoint does not continue the one seen before') };
    }
    const line = cosign(checkpoint.note.text, Math.floor(clock.now() / 1000), signer);
    const signed = known.flatMap(log => linesBy(note, log));
    return {
      keep: `${checkpoint.note.text}\n${signed.join('')}${line}`,
      result: { status: 200, type: 'text/plain; charset=utf-8', body: line } satisfies WitnessReply,
    };
  });
}

function parse(request: string): Submission | undefined {
  const cut = request.indexOf('\n\n');
  if (cut < 0) return undefined;
  const [first = '', ...lines] = request.slice(0, cut).split('\n');
  const old = /^old (0|[1-9][0-9]{0,15})$/.exec(first)?.[1];
  const proof = lines.map(line => Buffer.from(line, 'base64'));
  const isSound = lines.every((line, at) => proof[at]?.length === 32 && proof[at].toString('base64') === line);
  if (old === undefined || !isSound || lines.length > 63 || !Number.isSafeInteger(Number(old))) return undefined;
  return { old: Number(old), proof, note: request.slice(cut + 2) };
}

/** The signature lines of a log's key, as they stand in the note. */
function linesBy(note: string, log: Verifier): string[] {
  const id = Buffer.from(log.keyId, 'hex');
  return note
    .slice(note.lastIndexOf('\n\n') + 2)
    .split('\n')
    .filter(line => {
      const [, name, signature = ''] = line.split(' ');
      return name === log.name && Buffer.from(signature, 'base64').subarray(0, 4).equals(id);
    })
    .map(line => `${line}\n`);
}

function text(status: WitnessReply['status'], body: string): WitnessReply {
  return { status, type: 'text/plain; charset=utf-8', body: `${body}\n` };
}
