import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditRecord } from '../core/audit-record.ts';
import type { Clock } from '../core/clock.ts';
import type { Attempt, Channel } from './channel.ts';
import type { Delivery, NotifyStore, Settlement } from './store.ts';

export interface NotifierOptions {
  readonly channels: readonly Channel[];
  readonly store: NotifyStore;
  readonly clock: Clock;
  /** Records what became of a message; resolves when that is durable. */
  readonly record: (record: AuditRecord) => Promise<void>;
  /** Start of links to approvals; undefined: messages have none. */
  readonly baseUrl: string | undefined;
  /** How long a message is tried again, milliseconds. */
  readonly giveUpMs: number;
  /** For the process log: what keeps messages from going out. */
  readonly report: (problem: string, cause: unknown) => void;
  /** How often the queue is looked at and how long the first pause after a failure is, milliseconds. For tests. */
  readonly pollMs?: number | undefined;
  readonly backOffMs?: number | undefined;
}

export interface Notifier {
  /** Stops taking messages and waits for those under way; what is not settled goes out from another process later. */
  close(): Promise<void>;
}

/** Messages under way at a time, over all channels. */
const mostAtOnce = 8;
/** Longer than an attempt can take, so that nobody else starts with a message that is still under way. */
const leaseMs = 60_000;
const longestPauseMs = 10 * 60_000;

/**
 * Takes messages from the queue in Postgres and tells them, each at least once; every replica runs one. A message that
 * fails is tried again after pauses that double, up to ten minutes, until it is too old. What became of it is recorded
 * before it leaves the queue.
 */
export function startNotifier(options: NotifierOptions): Notifier {
  const { store, clock, report, pollMs = 1_000, backOffMs = 5_000 } = options;
  const channels = new Map(options.channels.map(channel => [channel.name, channel]));
  const stopped = new AbortController();
  let registered = false;
  let wasAway = false;

  const round = async (): Promise<number> => {
    if (!registered) {
      await store.register(options.channels);
      registered = true;
    }
    if (channels.size === 0) return 0;
    const deliveries = await store.take([...channels.keys()], mostAtOnce, leaseMs);
    await Promise.all(
      deliveries.map(delivery =>
        // Comes again when its lease is over; the others go on.
        deliver(delivery).catch((error: unknown) =>
          report(`the message to ${delivery.channel} could not be settled`, error),
        ),
      ),
    );
    return deliveries.length;
  };

  const deliver = async (delivery: Delivery): Promise<void> => {
    const channel = channels.get(delivery.channel);
    if (channel === undefined) return;
    const attempt = await channel.tell(messageOf(delivery, options.baseUrl), stopped.signal);
    if (stopped.signal.aborted && attempt.outcome !== 'delivered') return;
    const settlement = settle(delivery, attempt);
    if (settlement.state === 'waiting') {
      report(`channel ${delivery.channel} was not reached, attempt ${delivery.attempt}: ${attempt.message}`, undefined);
    } else await options.record(recordOf(delivery, settlement));
    await store.settle(delivery, settlement);
  };

  const settle = (delivery: Delivery, attempt: Attempt): Settlement => {
    if (attempt.outcome === 'delivered') return { state: 'delivered', message: attempt.message };
    const tooOld = clock.now() - delivery.dueSince >= options.giveUpMs;
    if (attempt.outcome === 'refused' || tooOld) return { state: 'given-up', message: attempt.message };
    const doubled = Math.min(longestPauseMs, backOffMs * 2 ** Math.min(20, delivery.attempt - 1));
    // A tenth more or less, so that the messages of one outage do not all come back in the same second.
    const jitter = 0.9 + ((clock.random(1)[0] ?? 0) / 255) * 0.2;
    return {
      state: 'waiting',
      message: attempt.message,
      retryMs: Math.round(Math.max(doubled * jitter, attempt.retryAfterMs ?? 0)),
    };
  };

  const run = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      const taken = await round().then(
        count => {
          wasAway = false;
          return count;
        },
        (error: unknown) => {
          if (!wasAway) report('notifications wait for the database', error);
          wasAway = true;
          return 0;
        },
      );
      if (taken < mostAtOnce) await sleep(pollMs, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  };
  const running = run();

  return {
    close: async () => {
      stopped.abort();
      await running;
    },
  };
}

function messageOf(delivery: Delivery, baseUrl: string | undefined): Parameters<Channel['tell']>[0] {
  const { channel, event, kind, at, by, words, approval } = delivery;
  const { id, action, resource, cluster, node, requester, reason, state, expiresAt } = approval;
  return {
    id: `evt_${event}_${channel}`,
    kind,
    at,
    by,
    words,
    // Nothing else of the request: it is for those who have the right to look at it.
    approval: { id, action, resource, cluster, node, requester, reason, state, expiresAt },
    link: baseUrl === undefined ? undefined : `${baseUrl.replace(/\/$/, '')}/approvals/${approval.id}`,
  };
}

function recordOf(delivery: Delivery, settlement: Settlement): AuditRecord {
  const { approval } = delivery;
  return {
    kind: settlement.state === 'delivered' ? 'notification.delivered' : 'notification.failed',
    approvalId: approval.id,
    method: approval.method,
    action: approval.action,
    resource: approval.resource,
    cluster: approval.cluster,
    node: approval.node,
    details: {
      channel: delivery.channel,
      event: delivery.kind,
      attempts: String(delivery.attempt),
      outcome: settlement.message,
    },
  };
}
