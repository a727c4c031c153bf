import type { Channel } from './channel.ts';
import type { SlackChannel } from './config.ts';
import { attemptPost } from './http-attempt.ts';
import { headline, type Message, particulars } from './message.ts';

/** A channel that posts to an incoming webhook of Slack or of what understands the same. `ca` is the PEM text. */
export function slackChannel(settings: SlackChannel, ca: string | undefined): Channel {
  return {
    name: settings.name,
    events: settings.events,
    escalateAfterMs: settings.escalate_after,
    tell: (message, signal) =>
      attemptPost({
        url: settings.url,
        body: JSON.stringify({ text: slackText(message) }),
        ca,
        signal,
        headers: { 'content-type': 'application/json', 'user-agent': 'talosgate' },
      }),
  };
}

function slackText(message: Message): string {
  const lines = particulars(message).map(([label, text]) => `*${escape(label)}:* ${escape(text)}`);
  return [`*${escape(headline(message))}*`, ...lines].join('\n');
}

/**
 * Slack's three entities (docs.slack.dev, "Formatting message text"), so that nobody is called by `<!channel>` and no
 * link has another text than its address. A zero-width space takes the meaning from the marks of Slack and Markdown.
 */
function escape(text: string): string {
  return text
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/@(?=channel|here|everyone|all)/gi, '@\u200b')
    .replace(/[*_~`[\]](?=\S)/g, mark => `${mark}\u200b`);
}
