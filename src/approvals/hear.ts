import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectionSettings, openSession, type Session } from '../db/connection.ts';

/** Something that listens until it is closed. */
export interface Listening {
  close(): Promise<void>;
}

const retryMs = 1_000;

/**
 * Calls `onChange` whenever an approval has changed on any replica, milliseconds after its commit, and once after each
 * gap in listening. Only a hint: what is missed, for instance behind a pooler that drops LISTEN, is found by looking.
 */
export function hearChanges(connection: ConnectionSettings, onChange: () => void): Listening {
  const closing = new AbortController();
  let session: Session | undefined;
  const listen = async (): Promise<void> => {
    while (!isAborted(closing.signal)) {
      try {
        session = await openSession({
          ...connection,
          applicationName: 'talosgate approvals',
          onNotification: onChange,
        });
        await session.query('LISTEN talosgate_approval');
        onChange();
        await ended(session, closing.signal);
      } catch {
        // The database is away; whoever waits for an approval is told by their own queries.
      }
      await session?.close();
      session = undefined;
      await sleep(retryMs, undefined, { signal: closing.signal }).catch(() => undefined);
    }
  };
  const running = listen();
  return {
    close: async () => {
      closing.abort();
      await running;
    },
  };
}

function ended(session: Session, closing: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const done = (): void => resolve();
    if (session.lost.aborted || closing.aborted) done();
    session.lost.addEventListener('abort', done, { once: true });
    closing.addEventListener('abort', done, { once: true });
  });
}

/** A call, because the compiler takes `aborted` for settled once it was looked at. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
