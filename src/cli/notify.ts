import { type Command, InvalidArgumentError } from 'commander';
import { GateError } from '../core/gate-error.ts';
import type { Attempt } from '../notify/channel.ts';
import { createChannels } from '../notify/channels.ts';
import type { Message } from '../notify/message.ts';
import type { CliContext } from './context.ts';
import { requireConfig } from './load.ts';
import { table } from './output.ts';

/** `talosgate notify`: what concerns telling people. */
export function notifyCommands(parent: Command, context: CliContext): void {
  const notify = parent.command('notify').description('try out the channels of the configuration');
  notify
    .command('test')
    .description('send a message to every channel, or to one, from here; no gateway has to run')
    .option('-c, --config <file>', 'configuration file', 'talosgate.yaml')
    .option('--channel <name>', 'only this one', nonEmpty)
    .action(async (options: { config: string; channel?: string }) => {
      const config = await requireConfig(options.config, context);
      const channels = createChannels(config.notifications, config.authorities, context.clock);
      const chosen = channels.filter(({ name }) => options.channel === undefined || name === options.channel);
      if (chosen.length === 0) throw new GateError('not-found', nothingToTry(options.channel, channels));
      const message = sample(config.approvals.base_url, context.clock.now());
      const signal = new AbortController().signal;
      const attempts = await Promise.all(chosen.map(channel => channel.tell(message, signal)));
      const rows = attempts.map((attempt, at) => [chosen[at]?.name ?? '', attempt.outcome, attempt.message]);
      for (const line of table(['CHANNEL', 'OUTCOME', 'ANSWER'], rows)) context.output.out(line);
      if (attempts.some(({ outcome }: Attempt) => outcome !== 'delivered')) process.exitCode = 1;
    });
}

function nonEmpty(value: string): string {
  if (value === '') throw new InvalidArgumentError('give the name of a channel');
  return value;
}

function nothingToTry(asked: string | undefined, channels: readonly { readonly name: string }[]): string {
  if (channels.length === 0) return 'the configuration has no channels: add some below notifications';
  return `no channel ${asked ?? ''}; there are ${channels.map(({ name }) => name).join(', ')}`;
}

function sample(baseUrl: string | undefined, now: number): Message {
  return {
    id: `evt_test_${now}`,
    kind: 'requested',
    at: now,
    approval: {
      id: 'dbg-22222',
      action: 'debug.run',
      resource: 'this is a test; nobody has asked for anything',
      cluster: 'example',
      node: 'example-node',
      requester: 'talosgate notify test',
      reason: 'to see whether this message arrives',
      state: 'pending',
      expiresAt: now + 3_600_000,
    },
    by: undefined,
    words: undefined,
    link: baseUrl,
  };
}
