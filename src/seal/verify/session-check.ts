import type { Body, Say } from './body.ts';
import type { Findings } from './findings.ts';
import type { RecordingSource } from './source.ts';

/** What a record session.chunk says of its chunk. */
interface Chunk {
  readonly idx: number;
  readonly seq: number;
  readonly direction: unknown;
  readonly sha256: unknown;
  readonly size: number;
}

interface Recorded {
  /** Record session.started. */
  readonly idx: number;
  readonly keys: unknown;
  /** Chunk that comes next. */
  next: number;
  ended: boolean;
  /** Not compared with the stored ones yet. */
  chunks: Chunk[];
  keysCompared: boolean;
}

/** Stored chunks asked for at a time. */
const page = 256;

/**
 * Recordings of shells: chunks are counted without gap from the start to the end that names their number, and what is
 * stored of them has the hash that the log says. Needs no key. Layout: migrations/0019_sessions.sql.
 */
export class SessionCheck {
  readonly #sessions = new Map<string, Recorded>();
  readonly #findings: Findings;
  readonly #pruned: boolean;
  #uncompared = 0;

  constructor(findings: Findings, pruned: boolean) {
    this.#findings = findings;
    this.#pruned = pruned;
  }

  /** Takes one record, in the order of the log. */
  take(idx: number, body: Body, say: Say): void {
    const kind = body['kind'];
    const id = String(body['callId']);
    const details = (body['details'] ?? {}) as Body;
    if (kind === 'session.started') {
      if (this.#sessions.has(id)) say('altered', `the session ${id} was started before`);
      const keys = details['keys'];
      this.#sessions.set(id, { idx, keys, next: 0, ended: false, chunks: [], keysCompared: false });
      return;
    }
    if (kind !== 'session.chunk' && kind !== 'session.ended' && kind !== 'session.lost') return;
    const session = this.#sessions.get(id);
    const seq = Number(details['seq']);
    if (kind === 'session.chunk' && !(Number.isSafeInteger(seq) && seq >= 0)) {
      say('altered', `the session ${id} has a piece without a number`);
    } else if (session === undefined) {
      // A session that never came to its start is lost all the same.
      if (!this.#pruned && kind !== 'session.lost') say('gap', `the session ${id} has no start`);
    } else if (kind === 'session.chunk') {
      this.#chunk(idx, id, session, seq, details, say);
    } else {
      const chunks = details['chunks'];
      if (kind === 'session.ended' && chunks !== undefined && Number(chunks) !== session.next)
        say('gap', `the session ${id} ended after ${Number(chunks)} pieces of recording, and ${session.next} are here`);
      session.ended = true;
    }
  }

  #chunk(idx: number, id: string, session: Recorded, seq: number, details: Body, say: Say): void {
    if (seq !== session.next) {
      const kind = seq > session.next ? 'gap' : 'altered';
      say(kind, `the session ${id} continues with piece ${seq} of its recording, not ${session.next}`);
    }
    session.next = seq + 1;
    const { direction, sha256 } = details;
    session.chunks.push({ idx, seq, direction, sha256, size: Number(details['size']) });
  }

  /** Compares what is stored: of sessions with many new pieces or an end, or of all, at the end of the log. */
  async compare(source: RecordingSource | undefined, all: boolean): Promise<void> {
    for (const [id, session] of this.#sessions) {
      if (!all && session.chunks.length < page && !(session.ended && session.chunks.length > 0)) continue;
      const chunks = session.chunks;
      session.chunks = [];
      if (source === undefined) this.#uncompared += chunks.length;
      else await this.#compareSession(source, id, session, chunks);
    }
    if (all && this.#uncompared > 0)
      this.#findings.note(`recordings of sessions are kept elsewhere: ${this.#uncompared} pieces were not compared`);
  }

  async #compareSession(
    source: RecordingSource,
    id: string,
    session: Recorded,
    chunks: readonly Chunk[],
  ): Promise<void> {
    if (!session.keysCompared) {
      session.keysCompared = true;
      const keys = await source.keysDigest(id);
      const what = keys === undefined ? 'are gone' : 'were exchanged';
      if (keys !== session.keys)
        this.#say(keys === undefined ? 'gap' : 'altered', session.idx, `the keys of session ${id} ${what}`);
    }
    for (let at = 0; at < chunks.length; at += page) {
      const some = chunks.slice(at, at + page);
      const stored = new Map(
        (
          await source.chunks(
            id,
            some.map(({ seq }) => seq),
          )
        ).map(chunk => [chunk.seq, chunk]),
      );
      for (const { idx, seq, direction, sha256, size } of some) {
        const found = stored.get(seq);
        if (found === undefined) this.#say('gap', idx, `piece ${seq} of the recording of session ${id} is gone`);
        else if (found.sha256 !== sha256 || found.direction !== direction || found.size !== size)
          this.#say('altered', idx, `piece ${seq} of the recording of session ${id} was changed`);
      }
    }
  }

  #say(kind: 'altered' | 'gap', index: number, text: string): void {
    this.#findings.add({ kind, index, text });
  }
}
