import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import type { RecordingItem } from './recording-stream.ts';
import { type Canvas, SessionScreen } from './session-screen.ts';

export interface PlayOptions {
  readonly canvas: Canvas;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** How many times faster than it was; undefined while watching: at once, as it comes. */
  readonly speed: number | undefined;
  /** Longest pause, in seconds of playing. */
  readonly idleLimit: number | undefined;
}

/** Between two pictures, in milliseconds: more of them nobody sees. */
const frameMs = 33;

/** Plays or follows a recording on a terminal. Gives one line about how it ended. */
export async function playRecording(items: AsyncIterable<RecordingItem>, options: PlayOptions): Promise<string> {
  const { clock, signal, speed, idleLimit = Number.POSITIVE_INFINITY } = options;
  const screen = new SessionScreen(options.canvas);
  let about = '';
  let last = 0;
  let drawnAt = 0;
  let due: NodeJS.Timeout | undefined;
  const draw = (): void => {
    clearTimeout(due);
    due = undefined;
    drawnAt = clock.monotonic();
    screen.draw();
  };
  try {
    for await (const item of items) {
      if (signal.aborted) break;
      if (item.kind === 'session') {
        const { user, node, started } = item.session;
        about = `${user} on ${node}, ${started}`;
        screen.say(speed === undefined ? `watching ${about}; Ctrl-C leaves` : `playing ${about}; Ctrl-C leaves`);
        continue;
      }
      if (item.kind === 'end') {
        draw();
        return endLine(about, item.as, item.details);
      }
      const { event } = item;
      const wait = speed === undefined ? 0 : Math.min((event.at - last) / 1e6 / speed, idleLimit) * 1000;
      last = Math.max(last, event.at);
      if (wait >= 1) {
        draw();
        await sleep(wait, undefined, { signal }).catch(() => undefined);
      }
      await screen.take(event);
      if ((clock.monotonic() - drawnAt) / 1000 >= frameMs) draw();
      else due ??= setTimeout(draw, frameMs);
    }
    draw();
    return signal.aborted ? 'left' : `${about}: it runs still`;
  } finally {
    clearTimeout(due);
    screen.close();
  }
}

/** How a session ended, in words. */
function endLine(about: string, as: string, details: Readonly<Record<string, unknown>>): string {
  if (as === 'lost') return `${about}: lost with its gateway`;
  const { cause, exitCode } = details;
  const code = typeof exitCode === 'string' ? `, exit code ${exitCode}` : '';
  return `${about}: ended by ${typeof cause === 'string' ? cause : 'nobody knows what'}${code}`;
}
