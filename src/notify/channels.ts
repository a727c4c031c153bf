import type { Clock } from '../core/clock.ts';
import type { Channel } from './channel.ts';
import type { NotifySettings } from './config.ts';
import { mailChannel } from './mail.ts';
import { slackChannel } from './slack.ts';
import { webhookChannel } from './webhook.ts';

/** Makes the channels of the settings. `authorities` has the PEM text of every `ca`, by path. Nothing is connected yet. */
export function createChannels(
  settings: NotifySettings,
  authorities: ReadonlyMap<string, string>,
  clock: Clock,
): readonly Channel[] {
  const caOf = ({ ca }: { readonly ca?: string }): string | undefined =>
    ca === undefined ? undefined : authorities.get(ca);
  return [
    ...settings.webhooks.map(one => webhookChannel(one, caOf(one), clock)),
    ...settings.slack.map(one => slackChannel(one, caOf(one))),
    ...settings.mail.map(one => mailChannel(one, caOf(one))),
  ];
}
