import type { Clock } from '../core/clock.ts';

export interface BackoffSettings {
  /** First pause and longest pause, milliseconds. */
  readonly firstMs: number;
  readonly longestMs: number;
}

/**
 * Pause before try number `failures` + 1: doubled each time, and at random between half of that and all of it, so that
 * many senders do not come back at once. A receiver that named a time is left alone at least that long, within the longest.
 */
export function pauseAfter(failures: number, settings: BackoffSettings, clock: Clock, retryAfterMs = 0): number {
  const full = Math.min(settings.firstMs * 2 ** Math.min(failures - 1, 30), settings.longestMs);
  const pause = full * (0.5 + clock.random(1).readUInt8(0) / 512);
  return Math.max(pause, Math.min(retryAfterMs, settings.longestMs));
}
