import type { Clock } from '../core/clock.ts';
import type { CallMetadata } from './sim-call.ts';

/** Who called, as the node learned it from the client certificate. */
export interface RecordedPeer {
  readonly commonName: string;
  /** O values of the leaf certificate: the Talos roles it carries. */
  readonly organizations: readonly string[];
  /** SHA-256 of the leaf certificate as hex pairs with colons. */
  readonly fingerprint: string;
}

/** How a recorded call ended. `cancelled`: the caller reset the stream, or its connection went away. */
export type RecordedEnd =
  | { readonly kind: 'status'; readonly code: number; readonly message: string }
  | { readonly kind: 'cancelled' };

/** One call that reached a node, with nothing left out. Calls to unknown methods are recorded too. */
export interface RecordedCall {
  readonly path: string;
  /** The header list as it stood on the wire, pseudo-headers included. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The same without pseudo-headers, by name. */
  readonly metadata: CallMetadata;
  /** Request messages in order. */
  readonly requests: readonly Buffer[];
  readonly peer: RecordedPeer;
  /** Roles that the node counted: from the certificate, or from `talos-role` of an impersonator. */
  readonly roles: readonly string[];
  /** Messages sent back so far. */
  readonly replies: number;
  /** True once the client has half-closed. */
  readonly halfClosed: boolean;
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
  readonly endedAt: number | undefined;
  readonly ended: RecordedEnd | undefined;
}

/** The recorder's own, changing view of a call. */
export interface OpenRecord {
  request(message: Buffer): void;
  reply(): void;
  halfClose(): void;
  /** Only the first end counts. */
  end(end: RecordedEnd): void;
}

/** Keeps the latest calls of one node; the oldest go when the bound is reached. */
export class CallLog {
  readonly #clock: Clock;
  readonly #bound: number;
  #calls: Mutable[] = [];
  #open = 0;
  #pings = 0;

  constructor(clock: Clock, bound = 5000) {
    this.#clock = clock;
    this.#bound = bound;
  }

  get calls(): readonly RecordedCall[] {
    return this.#calls;
  }

  /** Streams that have neither got a status nor been reset. */
  get open(): number {
    return this.#open;
  }

  /** HTTP/2 PINGs that clients sent since the last `clear`. */
  get pings(): number {
    return this.#pings;
  }

  ping(): void {
    this.#pings += 1;
  }

  clear(): void {
    this.#calls = [];
    this.#pings = 0;
  }

  start(begin: Pick<RecordedCall, 'path' | 'headers' | 'metadata' | 'peer' | 'roles'>): OpenRecord {
    const call: Mutable = {
      ...begin,
      requests: [],
      replies: 0,
      halfClosed: false,
      receivedAt: this.#clock.now(),
      endedAt: undefined,
      ended: undefined,
    };
    this.#calls.push(call);
    if (this.#calls.length > this.#bound) this.#calls.shift();
    this.#open += 1;
    return {
      request: message => call.requests.push(message),
      reply: () => {
        call.replies += 1;
      },
      halfClose: () => {
        call.halfClosed = true;
      },
      end: end => {
        if (call.ended !== undefined) return;
        call.ended = end;
        call.endedAt = this.#clock.now();
        this.#open -= 1;
      },
    };
  }
}

type Mutable = { -readonly [K in keyof RecordedCall]: RecordedCall[K] } & { requests: Buffer[] };
