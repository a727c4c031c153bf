import type { ServerHttp2Stream } from 'node:http2';
import type { EndCause } from '../core/audit-record.ts';
import type { Clock } from '../core/clock.ts';
import { GateError } from '../core/gate-error.ts';
import { type GrpcStatus, grpcCodes, maxMessageBytes } from '../core/grpc.ts';
import { encodeFrame, FrameCounter } from '../core/grpc-frame.ts';
import { statusOf } from '../core/grpc-status.ts';
import type { CallKind } from '../core/method.ts';
import type { ExtraTrailers, RelayCounts, RelayResult } from '../core/relay-result.ts';
import type { RequestBody, RequestBodySink } from '../core/request-body.ts';
import type { Channel } from './channel.ts';
import { watchDeadline } from './deadline.ts';
import { FanOutLeg, type FanOutLegEvents } from './fan-out-leg.ts';
import { GuardedFlow, type InspectMessage } from './guarded-flow.ts';
import { createMergedReply, type MergedReply, repliesTooLarge } from './merged-reply.ts';
import type { UpstreamHeaders } from './metadata.ts';
import { endWithStatus } from './reply.ts';
import { Valve, waits } from './valve.ts';

/** One node of a call to several: where to send it, or the status that stands for its reply. */
export type Leg =
  | {
      /** Appears unchanged in the reply: `target.asked`. */
      readonly hostname: string;
      /** Awaited per leg; its rejection becomes the leg's in-band error. */
      readonly channel: Promise<Channel> | Channel;
      /** Another channel to the same node, should this one turn out to take no new call. */
      readonly again?: (() => Promise<Channel>) | undefined;
      /** Without acceptEncoding: replies must come uncompressed to be merged. */
      readonly headers: UpstreamHeaders;
    }
  | { readonly hostname: string; readonly refusal: GrpcStatus };

export interface FanOutOptions {
  readonly downstream: ServerHttp2Stream;
  readonly kind: CallKind;
  readonly legs: readonly Leg[];
  readonly firstFrame: Buffer;
  readonly body: RequestBody;
  /** Encoding of the caller's messages, needed only with `inspectRequestMessage`. */
  readonly requestEncoding?: string | undefined;
  /** Sees every request message after the first. Messages then pass decompressed. */
  readonly inspectRequestMessage?: InspectMessage | undefined;
  readonly deadline?: number | undefined;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  /** Given, once for each leg, what tells how much has passed so far; it may be asked at any time. */
  readonly onLegCounts?: ((leg: number, counts: () => RelayCounts) => void) | undefined;
  /** Called once for each leg with a channel when it ends, by its position in `legs`. */
  readonly onLegEnd: (leg: number, result: RelayResult) => void;
  /**
   * Called once after the last leg; a promise holds the trailers back and may bring more. Should it reject, that error is
   * the status.
   */
  readonly beforeTrailers?: ((result: RelayResult) => Promise<ExtraTrailers | undefined> | undefined) | undefined;
}

/**
 * Sends one call to several nodes and merges the replies the way apid does: a node that fails is an element of the
 * reply, and the call itself ends with OK. Never rejects.
 */
export function fanOut(options: FanOutOptions): Promise<RelayResult> {
  return new Promise(resolve => {
    new FanOut(options, resolve).start();
  });
}

class FanOut implements RequestBodySink, FanOutLegEvents {
  readonly #o: FanOutOptions;
  readonly #resolve: (result: RelayResult) => void;
  readonly #request = new FrameCounter();
  readonly #requestValve: Valve;
  /** Legs whose connection takes no more request bytes; the slowest one sets the pace. */
  readonly #full = new Set<FanOutLeg>();
  readonly #legs: FanOutLeg[] = [];
  readonly #reply: MergedReply;
  readonly #guard: GuardedFlow | undefined;
  readonly #streaming: boolean;
  /** Bytes of unary replies so far; they are kept until the last node has answered. */
  #received = 0;
  #open = 0;
  #forwarded = false;
  #result: RelayResult | undefined;
  #unwatch: (() => void) | undefined;

  constructor(options: FanOutOptions, resolve: (result: RelayResult) => void) {
    this.#o = options;
    this.#resolve = resolve;
    this.#requestValve = new Valve(options.body);
    const { inspectRequestMessage } = options;
    this.#guard = inspectRequestMessage === undefined ? undefined : this.#guardRequest(inspectRequestMessage);
    this.#streaming = options.kind === 'server-streaming' || options.kind === 'bidi-streaming';
    this.#reply = createMergedReply(options.downstream, this.#streaming, {
      hold: () => {
        for (const leg of this.#legs) leg.hold();
      },
      release: () => {
        for (const leg of this.#legs) leg.release();
      },
    });
  }

  start(): void {
    const { downstream, legs, deadline, clock, signal } = this.#o;
    downstream.on('aborted', () => {
      this.#clientGone();
    });
    downstream.on('close', () => {
      this.#clientGone();
    });
    this.#open = legs.length;
    const ready = legs.map((leg, index) => this.#startLeg(leg, index));
    if (downstream.destroyed || downstream.closed) {
      this.#clientGone();
      return;
    }
    this.#unwatch = watchDeadline({ deadline, clock, signal }, (error, cause) => {
      this.#stop(statusOf(error), cause);
    });
    if (this.#result !== undefined) this.#unwatch();
    void this.#sendRest(ready);
  }

  /** Resolves when the leg has been opened or has failed. */
  #startLeg(leg: Leg, index: number): Promise<void> {
    const part = new FanOutLeg(index, leg.hostname, this);
    this.#legs.push(part);
    if ('refusal' in leg) {
      part.stop();
      queueMicrotask(() => {
        this.#endPart(part, leg.refusal);
      });
      return Promise.resolve();
    }
    return Promise.resolve(leg.channel).then(
      channel => {
        this.#openLeg(part, channel, leg);
      },
      (error: unknown) => {
        part.fail(GateError.from(error), 'not-forwarded');
      },
    );
  }

  #openLeg(part: FanOutLeg, channel: Channel, leg: Exclude<Leg, { readonly refusal: GrpcStatus }>): void {
    if (part.over) return;
    this.#forwarded = true;
    part.open(channel, leg.headers, leg.again);
    this.#o.onLegCounts?.(part.index, () => part.result({ code: 0, message: '' }, 'server', this.#request));
    if (this.#o.body.ended) part.endRequest(this.#o.firstFrame);
    else if (!part.write(this.#o.firstFrame)) this.#hold(part);
  }

  /** The rest of the request goes to all nodes, so it starts to flow when the last connection has been tried. */
  async #sendRest(ready: readonly Promise<void>[]): Promise<void> {
    const { body, firstFrame } = this.#o;
    this.#request.push(firstFrame);
    if (body.ended) return;
    await Promise.all(ready);
    if (this.#result === undefined) body.start(this);
  }

  // Request direction, as the sink of the body.

  data(chunk: Buffer): void {
    if (this.#result !== undefined) return;
    try {
      this.#request.push(chunk);
    } catch (error) {
      this.#stop(statusOf(GateError.from(error)), 'gateway');
      return;
    }
    if (this.#guard !== undefined) this.#guard.push(chunk);
    else this.#toAll(chunk);
  }

  end(): void {
    if (this.#guard !== undefined) this.#guard.end();
    else this.#endAll();
  }

  #toAll(chunk: Buffer): void {
    for (const leg of this.#legs) if (!leg.over && !leg.write(chunk)) this.#hold(leg);
  }

  #endAll(): void {
    for (const leg of this.#legs) if (!leg.over) leg.endRequest();
  }

  #guardRequest(inspect: InspectMessage): GuardedFlow {
    return new GuardedFlow({
      inspect,
      encoding: this.#o.requestEncoding,
      valve: this.#requestValve,
      write: payload => {
        if (this.#result === undefined) this.#toAll(encodeFrame(payload));
      },
      onEnd: () => {
        this.#endAll();
      },
      onError: error => {
        this.#stop(statusOf(error), 'gateway');
      },
    });
  }

  #hold(leg: FanOutLeg): void {
    this.#full.add(leg);
    this.#requestValve.hold(waits.full);
  }

  onLegDrain(leg: FanOutLeg): void {
    this.#full.delete(leg);
    if (this.#full.size === 0 && this.#result === undefined) this.#requestValve.release(waits.full);
  }

  // Reply direction, as events of the legs.

  onLegBytes(count: number): void {
    if (this.#streaming) return;
    this.#received += count;
    if (this.#received > maxMessageBytes) this.#stop(statusOf(repliesTooLarge()), 'gateway');
  }

  onLegMessage(leg: FanOutLeg, payload: Buffer): void {
    if (this.#result !== undefined) return;
    try {
      this.#reply.add(leg, payload);
    } catch (error) {
      this.#stop(statusOf(GateError.from(error)), 'gateway');
    }
  }

  onLegEnd(leg: FanOutLeg, status: GrpcStatus, cause: EndCause): void {
    this.#o.onLegEnd(leg.index, leg.result(status, cause, this.#request));
    this.onLegDrain(leg);
    this.#endPart(leg, status);
  }

  #endPart(leg: FanOutLeg, status: GrpcStatus): void {
    if (this.#result !== undefined) return;
    try {
      this.#reply.end(leg, status);
    } catch (error) {
      this.#stop(statusOf(GateError.from(error)), 'gateway');
      return;
    }
    this.#open--;
    if (this.#open === 0) this.#settle({ code: grpcCodes.OK, message: '' }, 'server');
  }

  /** Ends the whole call: every node that is still at work is reset. */
  #stop(status: GrpcStatus, cause: EndCause): void {
    if (this.#result !== undefined) return;
    for (const leg of this.#legs) {
      if (leg.over) continue;
      leg.stop();
      this.#o.onLegEnd(leg.index, leg.result(status, cause, this.#request));
    }
    this.#settle(status, cause);
  }

  #clientGone(): void {
    if (this.#result !== undefined) this.#resolve(this.#result);
    else this.#stop({ code: grpcCodes.CANCELLED, message: 'cancelled by the caller' }, 'client');
  }

  #settle(status: GrpcStatus, cause: EndCause): void {
    const result: RelayResult = {
      status,
      endCause: this.#forwarded ? cause : 'not-forwarded',
      requestBytes: this.#request.bytes,
      requestMessages: this.#request.messages,
      responseBytes: this.#reply.bytes,
      responseMessages: this.#reply.messages,
      forwarded: this.#forwarded,
    };
    this.#result = result;
    this.#unwatch?.();
    const finish = (extra?: ExtraTrailers): void => {
      if (cause === 'server') {
        this.#reply.finish(extra, () => {
          this.#resolve(result);
        });
        return;
      }
      endWithStatus(this.#o.downstream, status, { metadata: extra });
      this.#resolve(result);
    };
    const held = this.#o.beforeTrailers?.(result);
    if (held === undefined) finish();
    else {
      held.then(finish, (error: unknown) => {
        endWithStatus(this.#o.downstream, statusOf(GateError.from(error)));
        this.#resolve(result);
      });
    }
  }
}
