import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import type { Clock } from '../core/clock.ts';
import { eventId } from './ids.ts';
import { Waiters } from './waiters.ts';

/** A machine event as `talosctl events` gets it. */
export interface SimEvent {
  readonly id: string;
  /** Who caused it: the id that Reboot and others answer with; '' for the machine itself. */
  readonly actorId: string;
  readonly typeUrl: string;
  readonly value: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** How far back a watcher wants to look; the first that is set counts. */
export interface EventTail {
  /** That many past events; negative for all. */
  readonly events: number;
  readonly afterId: string;
  readonly seconds: number;
}

const bound = 2000;

/** Events since the last boot, bounded. */
export class EventLog {
  readonly #clock: Clock;
  #events: { readonly sequence: number; readonly event: SimEvent }[] = [];
  #next = 0;
  readonly #waiters = new Waiters();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  publish<D extends DescMessage>(schema: D, payload: MessageInitShape<D>, actorId = ''): void {
    const event: SimEvent = {
      id: eventId(this.#clock, this.#next),
      actorId,
      typeUrl: `talos/runtime/${schema.typeName}`,
      value: toBinary(schema, create(schema, payload)),
      at: this.#clock.now(),
    };
    this.#events.push({ sequence: this.#next, event });
    this.#next += 1;
    if (this.#events.length > bound) this.#events.shift();
    this.#waiters.wake();
  }

  clear(): void {
    this.#events = [];
  }

  /** Past events as asked, then new ones until the signal aborts; rejects then. */
  async *watch(tail: EventTail, signal: AbortSignal): AsyncGenerator<SimEvent, void> {
    let next = this.#start(tail);
    for (;;) {
      const found = this.#events.find(({ sequence }) => sequence >= next);
      if (found === undefined) await this.#waiters.sleep(signal);
      else {
        next = found.sequence + 1;
        yield found.event;
      }
    }
  }

  #start(tail: EventTail): number {
    const first = this.#events[0]?.sequence ?? this.#next;
    if (tail.events !== 0) return tail.events < 0 ? first : Math.max(first, this.#next - tail.events);
    if (tail.afterId !== '') {
      return this.#events.find(({ event }) => event.id > tail.afterId)?.sequence ?? this.#next;
    }
    if (tail.seconds === 0) return this.#next;
    const since = this.#clock.now() - tail.seconds * 1000;
    return this.#events.find(({ event }) => event.at >= since)?.sequence ?? this.#next;
  }
}
