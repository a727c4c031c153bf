import { GateError, type GateErrorCode, gateErrorCodes } from '../core/gate-error.ts';
import { type Direction, openChunk } from '../sessions/cipher.ts';
import { decodeEvents, type SessionEvent } from '../sessions/events.ts';
import { unwrapWithAuditor, type WrappedKey } from '../sessions/keys.ts';
import { type ClientSettings, streamApi } from './client.ts';
import { readText } from './read-file.ts';

/** What the JSON API says of a session. Times RFC 3339. */
export interface SessionBody {
  readonly id: string;
  readonly approval?: string;
  readonly user: string;
  readonly cluster: string;
  readonly node: string;
  readonly resource: string;
  readonly state: string;
  readonly started: string;
  readonly ended?: string;
  readonly cause?: string;
  readonly exitCode?: number;
  readonly killedBy?: string;
  readonly killReason?: string;
  readonly holders: readonly string[];
}

/** A recording as it is opened here: first the session, then its events, then its end unless it runs still. */
export type RecordingItem =
  | { readonly kind: 'session'; readonly session: SessionBody }
  | { readonly kind: 'event'; readonly event: SessionEvent }
  | { readonly kind: 'end'; readonly as: string; readonly details: Readonly<Record<string, unknown>> };

type Line =
  | { readonly session: SessionBody; readonly keys: readonly WrappedKey[]; readonly dataKey?: string }
  | { readonly seq: number; readonly direction: Direction; readonly ciphertext: string }
  | { readonly end: string; readonly details: Readonly<Record<string, unknown>> }
  | { readonly problem: { readonly code: string; readonly detail: string } };

/**
 * Reads a recording and opens it here: the gateway sends what is stored. `auditorKey`: file with a private key, needed
 * where only auditors can open it. Rejects with GateError when a chunk is missing, changed or cannot be opened.
 */
export async function* openRecording(
  settings: ClientSettings,
  id: string,
  how: { readonly watch: boolean; readonly auditorKey: string | undefined; readonly signal: AbortSignal },
): AsyncGenerator<RecordingItem> {
  const path = `/api/v1/sessions/${encodeURIComponent(id)}/${how.watch ? 'watch' : 'recording'}`;
  let key: Buffer | undefined;
  let next = 0;
  for await (const raw of streamApi(settings, path, how.signal)) {
    const line = raw as Line;
    if ('problem' in line) throw problem(line.problem);
    if ('session' in line) {
      key = keyOf(line, id, how.auditorKey);
      yield { kind: 'session', session: line.session };
    } else if ('end' in line) {
      yield { kind: 'end', as: line.end, details: line.details };
      return;
    } else {
      const { seq, direction } = line;
      if (key === undefined || seq !== next) throw new GateError('denied', `session ${id}: chunk ${next} was not sent`);
      next += 1;
      const plain = openChunk(key, { session: id, seq, direction }, Buffer.from(line.ciphertext, 'base64'));
      for (const event of decodeEvents(plain)) yield { kind: 'event', event };
    }
  }
}

function keyOf(
  { keys, dataKey }: { readonly keys: readonly WrappedKey[]; readonly dataKey?: string },
  id: string,
  auditorKey: string | undefined,
): Buffer {
  if (dataKey !== undefined) return Buffer.from(dataKey, 'base64');
  if (auditorKey === undefined) {
    throw new GateError('bad-request', 'only auditors can open this recording: give your key with --auditor-key FILE');
  }
  const key = unwrapWithAuditor(keys, id, readText(auditorKey));
  if (key !== undefined) return key;
  const holders = keys.map(({ holder }) => holder).join(', ');
  throw new GateError('denied', `this key opens nothing of session ${id}; its holders are ${holders}`);
}

function problem({ code, detail }: { readonly code: string; readonly detail: string }): GateError {
  return new GateError(code in gateErrorCodes ? (code as GateErrorCode) : 'internal', detail);
}
