import { GateError } from '../core/gate-error.ts';
import type { Queryable, Statement } from '../db/query.ts';
import type { Channel } from './channel.ts';
import type { MessageKind } from './message.ts';

/** One message that one channel is due to get, leased to this process for a while. */
export interface Delivery {
  readonly channel: string;
  readonly event: string;
  /** Attempts so far, this one included. */
  readonly attempt: number;
  /** When the event happened and when the delivery was first due, milliseconds since the epoch. */
  readonly at: number;
  readonly dueSince: number;
  readonly kind: MessageKind;
  readonly by: string | undefined;
  readonly words: string | undefined;
  readonly approval: {
    readonly id: string;
    readonly action: string;
    readonly resource: string;
    readonly cluster: string;
    readonly node: string;
    readonly method: string;
    readonly requester: string;
    readonly reason: string;
    readonly state: string;
    readonly expiresAt: number;
  };
}

/** How a delivery goes on: `waiting` means again after `retryMs`. */
export type Settlement =
  | { readonly state: 'delivered' | 'given-up'; readonly message: string }
  | { readonly state: 'waiting'; readonly message: string; readonly retryMs: number };

/** The queue of messages in Postgres; the functions of migrations/0024_notify.sql. All reject while it is away. */
export interface NotifyStore {
  /** Tells the database which channels there are. Deliveries of channels that are gone are given up. */
  register(channels: readonly Pick<Channel, 'name' | 'events' | 'escalateAfterMs'>[]): Promise<void>;
  /** Leases what is due to these channels, oldest first. What is not settled within the lease becomes due again, for any replica. */
  take(channels: readonly string[], limit: number, leaseMs: number): Promise<readonly Delivery[]>;
  settle(delivery: Delivery, settlement: Settlement): Promise<void>;
}

const timeoutMs = 5_000;
const registerChannels: Statement = { name: 'notify.register', text: 'SELECT talosgate.notify_register($1::jsonb)' };
const takeDue: Statement = {
  name: 'notify.take',
  text: 'SELECT d AS delivery FROM talosgate.notify_take($1::text[], $2::integer, $3::integer) AS d',
};
const settleOne: Statement = {
  name: 'notify.settle',
  text: 'SELECT talosgate.notify_settle($1, $2::bigint, $3::integer, $4, $5, $6::integer)',
};

/** The queue over the gateway's writing login. */
export function createNotifyStore(database: Queryable): NotifyStore {
  return {
    register: async channels => {
      const rows = channels.map(({ name, events, escalateAfterMs }) => ({ name, events, escalateAfterMs }));
      await database.query(registerChannels, [JSON.stringify(rows)], { timeoutMs });
    },
    take: async (channels, limit, leaseMs) => {
      const rows = await database.query<{ delivery: unknown }>(takeDue, [[...channels], limit, leaseMs], { timeoutMs });
      return rows.map(row => parseDelivery(row.delivery));
    },
    settle: async ({ channel, event, attempt }, settlement) => {
      const retryMs = settlement.state === 'waiting' ? settlement.retryMs : null;
      await database.query(settleOne, [channel, event, attempt, settlement.state, settlement.message, retryMs], {
        timeoutMs,
      });
    },
  };
}

/** The function builds exactly this shape; anything else is a migration that does not fit this version. */
function parseDelivery(value: unknown): Delivery {
  if (typeof value !== 'object' || value === null || !('approval' in value) || !('event' in value)) {
    throw new GateError('internal', 'the database answered with something that is no delivery');
  }
  type Stored = Omit<Delivery, 'by' | 'words'> & { readonly by: string | null; readonly words: string | null };
  const delivery = value as Stored;
  return { ...delivery, by: delivery.by ?? undefined, words: delivery.words ?? undefined };
}
