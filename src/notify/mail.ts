import { createTransport } from 'nodemailer';
import { type Attempt, attemptMs, type Channel } from './channel.ts';
import type { MailChannel } from './config.ts';
import { headline, type Message, particulars } from './message.ts';

/** A channel that sends e-mail, one message to all its receivers. `ca` is the PEM text. */
export function mailChannel(settings: MailChannel, ca: string | undefined): Channel {
  const colon = settings.server.lastIndexOf(':');
  const transport = createTransport({
    host: settings.server.slice(0, colon).replace(/^\[|\]$/g, ''),
    port: Number(settings.server.slice(colon + 1)),
    secure: settings.tls === 'implicit',
    requireTLS: settings.tls === 'starttls',
    ignoreTLS: settings.tls === 'none',
    tls: { minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) },
    ...(settings.user === undefined ? {} : { auth: { user: settings.user, pass: settings.password ?? '' } }),
    connectionTimeout: attemptMs,
    greetingTimeout: attemptMs,
    socketTimeout: attemptMs,
    // Nothing but what stands here goes into a message.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    name: settings.name,
    events: settings.events,
    escalateAfterMs: settings.escalate_after,
    tell: async message => {
      try {
        const sent = await transport.sendMail({
          from: settings.from,
          to: [...settings.to],
          subject: `[talosgate] ${headline(message)}`,
          text: mailText(message),
          messageId: `<${message.id}@${settings.from.split('@').at(-1) ?? 'talosgate'}>`,
          headers: { 'Auto-Submitted': 'auto-generated' },
        });
        const refused = sent.rejected.length;
        return { outcome: 'delivered', message: refused === 0 ? 'sent' : `sent, ${refused} receivers refused` };
      } catch (error) {
        return fromError(error);
      }
    },
  };
}

function mailText(message: Message): string {
  const lines = particulars(message).map(([label, text]) => `${`${label}:`.padEnd(12)} ${text}`);
  return `${[headline(message), '', ...lines].join('\n')}\n`;
}

/** RFC 5321 section 4.2.1: 5yz is final, everything else may go better later. Texts of the server stay out of the log. */
function fromError(error: unknown): Attempt {
  const code = read(error, 'responseCode');
  const name = read(error, 'code');
  const message = `SMTP ${typeof code === 'number' ? String(code) : typeof name === 'string' ? name : 'error'}`;
  if (typeof code === 'number' && code >= 500 && name !== 'EAUTH') return { outcome: 'refused', message };
  return { outcome: 'failed', message, retryAfterMs: undefined };
}

function read(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && key in value
    ? (value as Record<string, unknown>)[key]
    : undefined;
}
