import { createHmac } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { toJsonLine } from '../formats/json-lines.ts';
import type { TlsMaterials } from '../materials.ts';
import type { Sink } from '../sink.ts';
import { createPoster } from './post.ts';

export interface WebhookOptions {
  readonly url: string;
  readonly secret: string;
  readonly tls: TlsMaterials;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/**
 * Batches as `{"records":[…]}` with POST, each record as in JSON Lines. Signed anew for every try:
 * `talosgate-signature: v1=` and the hex HMAC-SHA256 over the header `talosgate-timestamp` (seconds), a dot and the body.
 * A receiver compares in constant time and turns away what is older than a few minutes.
 */
export function createWebhook({ url, secret, tls, timeoutMs, clock }: WebhookOptions): Sink {
  const poster = createPoster(url, tls, timeoutMs);
  return {
    batch: { records: 500, bytes: 1024 * 1024 },
    deliver: (lines, signal) => {
      const body = `{"records":[${lines.map(toJsonLine).join(',')}]}`;
      const timestamp = String(Math.floor(clock.now() / 1000));
      return poster.post(
        body,
        {
          'talosgate-timestamp': timestamp,
          'talosgate-signature': `v1=${signWebhook(secret, timestamp, body)}`,
          'talosgate-first': String(lines[0]?.index),
          'talosgate-last': String(lines.at(-1)?.index),
        },
        signal,
      );
    },
    close: () => {
      poster.close();
      return Promise.resolve();
    },
  };
}

function signWebhook(secret: string, timestamp: string, body: string): string {
  return createHmac('sha256', secret).update(timestamp).update('.').update(body).digest('hex');
}
