import type { Command } from 'commander';
import { type ClientOptions, callApi, clientSettings } from './client.ts';
import { withClientOptions } from './client-options.ts';
import type { CliContext } from './context.ts';
import { safeText, table } from './output.ts';

interface ReviewView {
  readonly id: string;
  readonly state: string;
  readonly openedBy: string;
  readonly opened: string;
  readonly closedBy?: string;
  readonly closed?: string;
  readonly finding?: string;
  readonly approval: {
    readonly node: string;
    readonly action: string;
    readonly resource: string;
    readonly reason: string;
    readonly state: string;
    readonly endReason?: string;
  };
}

/** `talosgate reviews list|show|close`: what was started alone, and what somebody else found. */
export function reviewCommands(parent: Command, { output, env }: CliContext): void {
  const reviews = parent.command('reviews').description('look at what was started alone in an emergency');
  withClientOptions(reviews.command('list').description('open reviews, newest first'))
    .option('--all', 'closed ones too', false)
    .action(async (options: ClientOptions & { all: boolean }) => {
      const path = `/api/v1/reviews?all=${String(options.all)}`;
      const answer = (await callApi(clientSettings(options, env), 'GET', path)) as { reviews: ReviewView[] };
      const rows = answer.reviews.map(({ id, state, openedBy, opened, approval }) => [
        ...[id, state, openedBy, opened, approval.node, approval.action, approval.reason],
      ]);
      for (const line of table(['ID', 'STATE', 'BY', 'OPENED', 'NODE', 'ACTION', 'REASON'], rows)) output.out(line);
    });
  withClientOptions(reviews.command('show <id>').description('one review')).action(
    async (id: string, options: ClientOptions) => {
      const path = `/api/v1/reviews/${encodeURIComponent(id)}`;
      const review = (await callApi(clientSettings(options, env), 'GET', path)) as ReviewView;
      const { approval } = review;
      const rows = [
        ['state', review.state],
        ['opened', `${review.opened} by ${review.openedBy}`],
        ['node', approval.node],
        ['action', `${approval.action} on ${approval.resource}`],
        ['reason', approval.reason],
        ['use', `${approval.state}${approval.endReason === undefined ? '' : ` (${approval.endReason})`}`],
        ...(review.closed === undefined ? [] : [['closed', `${review.closed} by ${review.closedBy ?? ''}`]]),
        ...(review.finding === undefined ? [] : [['finding', review.finding]]),
      ];
      output.out(safeText(review.id));
      const named = rows.map(([name, value]) => [`  ${name ?? ''}`, value ?? '']);
      for (const line of table(['', ''], named).slice(1)) output.out(line);
      output.out(safeText(`records: talosgate audit list --approval ${review.id}`));
    },
  );
  withClientOptions(reviews.command('close <id>').description('close the review of an emergency of somebody else'))
    .requiredOption('--finding <text>', 'what you found; the audit log keeps it')
    .action(async (id: string, options: ClientOptions & { finding: string }) => {
      const path = `/api/v1/reviews/${encodeURIComponent(id)}/close`;
      const body = { finding: options.finding };
      const review = (await callApi(clientSettings(options, env), 'POST', path, body)) as ReviewView;
      output.out(safeText(`review of ${review.id} is ${review.state}`));
    });
}
