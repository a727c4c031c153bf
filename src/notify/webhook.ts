import type { Clock } from '../core/clock.ts';
import { signWebhook } from '../core/webhook-signature.ts';
import type { Channel } from './channel.ts';
import type { WebhookChannel } from './config.ts';
import { attemptPost } from './http-attempt.ts';
import { headline, type Message } from './message.ts';

/** A channel that posts JSON, signed as Standard Webhooks says. `ca` is the PEM text. */
export function webhookChannel(settings: WebhookChannel, ca: string | undefined, clock: Clock): Channel {
  return {
    name: settings.name,
    events: settings.events,
    escalateAfterMs: settings.escalate_after,
    tell: (message, signal) => {
      const body = JSON.stringify(webhookBody(message));
      return attemptPost({
        url: settings.url,
        body,
        ca,
        signal,
        headers: {
          'content-type': 'application/json',
          'user-agent': 'talosgate',
          ...signWebhook(settings.secret, message.id, clock.now(), body),
        },
      });
    },
  };
}

/** The message as `docs/notifications.md` describes it. Times are RFC 3339. */
function webhookBody(message: Message): object {
  const { kind, at, approval, by, words, link } = message;
  return {
    type: `approval.${kind}`,
    timestamp: new Date(at).toISOString(),
    data: {
      title: headline(message),
      approval: { ...approval, expiresAt: new Date(approval.expiresAt).toISOString() },
      by,
      words,
      link,
    },
  };
}
