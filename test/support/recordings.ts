import type { ConnectionSettings } from '../../src/db/connection.ts';
import { createPool } from '../../src/db/pool.ts';
import { openChunk } from '../../src/sessions/cipher.ts';
import { decodeEvents, type SessionEvent } from '../../src/sessions/events.ts';
import { unwrapWithDeployment } from '../../src/sessions/keys.ts';
import { createSessionReader, type SessionView } from '../../src/sessions/reading.ts';

/** A recording as the database holds it, opened with the deployment's key. */
export interface OpenedRecording {
  readonly view: SessionView;
  readonly events: readonly SessionEvent[];
  /** Everything that was shown. */
  readonly output: Buffer;
  /** How many bytes were typed. */
  readonly typed: number;
}

/** Reads one recording by the log. Rejects as the reader does when a chunk is missing or changed. */
export async function openRecording(
  connection: ConnectionSettings,
  deployment: string,
  id: string,
): Promise<OpenedRecording> {
  const pool = createPool({ ...connection, max: 1 });
  try {
    const reader = createSessionReader(pool);
    const view = await reader.get(id);
    if (view === undefined) throw new Error(`no session ${id}`);
    const key = unwrapWithDeployment(view.keys, id, deployment);
    if (key === undefined) throw new Error('not the key of this deployment');
    const events: SessionEvent[] = [];
    let after = '-1';
    for (let seq = 0; ; ) {
      const chunks = await reader.chunks(id, after, seq, 200);
      for (const chunk of chunks) {
        events.push(...decodeEvents(openChunk(key, { session: id, ...chunk }, chunk.ciphertext)));
        after = chunk.index;
        seq += 1;
      }
      if (chunks.length < 200) break;
    }
    return {
      view,
      events,
      output: Buffer.concat(events.flatMap(event => (event.kind === 'output' ? [event.data] : []))),
      typed: events.reduce((sum, event) => sum + (event.kind === 'typed' ? event.bytes : 0), 0),
    };
  } finally {
    await pool.close();
  }
}

/**
 * True when a recording begins with what was shown of it. Before its last line the gateway ends a line that the node left
 * open; that line end is its own and in no recording.
 */
export function beginsWith(recorded: Buffer, shown: string): boolean {
  const begins = (text: string): boolean => {
    const bytes = Buffer.from(text);
    return recorded.subarray(0, bytes.length).equals(bytes);
  };
  return begins(shown) || (/[^\n]\r\n$/.test(shown) && begins(shown.slice(0, -2)));
}
