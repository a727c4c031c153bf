import type { Message } from './message.ts';

/** What came of one attempt. A refusal will be the same next time, so it is not tried again. */
export type Attempt =
  | { readonly outcome: 'delivered'; readonly message: string }
  | { readonly outcome: 'failed'; readonly message: string; readonly retryAfterMs: number | undefined }
  | { readonly outcome: 'refused'; readonly message: string };

/** A way to tell people. `tell` never rejects; its messages name neither addresses nor secrets. */
export interface Channel {
  readonly name: string;
  readonly events: readonly string[];
  /** Milliseconds that a request has to wait for a decision before this channel hears of it; undefined: at once. */
  readonly escalateAfterMs: number | undefined;
  tell(message: Message, signal: AbortSignal): Promise<Attempt>;
}

/** How long one attempt may take, milliseconds. */
export const attemptMs = 10_000;
