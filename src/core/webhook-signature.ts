import { createHmac } from 'node:crypto';

/** The three header fields that prove a message to its receiver. */
export interface WebhookHeaders {
  readonly 'webhook-id': string;
  readonly 'webhook-timestamp': string;
  readonly 'webhook-signature': string;
}

/**
 * Signs a message as Standard Webhooks 1.0 says (github.com/standard-webhooks/standard-webhooks, "Signature scheme"):
 * HMAC-SHA256 over `id.timestamp.body`. `id` is the same for every attempt at one message, so that the receiver can drop
 * what it has seen; `at` is milliseconds since the epoch. A secret of the form `whsec_<base64>` is decoded, any other is
 * taken as it is.
 */
export function signWebhook(secret: string, id: string, at: number, body: string): WebhookHeaders {
  const timestamp = String(Math.floor(at / 1000));
  const signature = createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}

const prefix = 'whsec_';

function keyOf(secret: string): Buffer {
  return secret.startsWith(prefix) ? Buffer.from(secret.slice(prefix.length), 'base64') : Buffer.from(secret, 'utf8');
}
