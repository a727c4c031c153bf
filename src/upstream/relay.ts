import type { ServerHttp2Stream } from 'node:http2';
import type { EndCause } from '../core/audit-record.ts';
import type { Clock } from '../core/clock.ts';
import { GateError } from '../core/gate-error.ts';
import { type GrpcStatus, grpcCodes } from '../core/grpc.ts';
import { encodeFrame, FrameCounter } from '../core/grpc-frame.ts';
import { statusOf } from '../core/grpc-status.ts';
import type { ExtraTrailers, RelayCounts, RelayResult } from '../core/relay-result.ts';
import type { RequestBody, RequestBodySink } from '../core/request-body.ts';
import type { Channel } from './channel.ts';
import { watchDeadline } from './deadline.ts';
import { GuardedFlow, type InspectMessage } from './guarded-flow.ts';
import type { UpstreamHeaders } from './metadata.ts';
import { NodeCall, type NodeCallEvents, type NodeEnd } from './node-call.ts';
import { passingHeaders, passingTrailers, rawValue } from './passing-headers.ts';
import { endWithStatus, endWithTrailers, streamedReply } from './reply.ts';
import { Valve, waits } from './valve.ts';
import { WholeMessages } from './whole-messages.ts';

export interface RelayOptions {
  readonly downstream: ServerHttp2Stream;
  readonly channel: Channel;
  /** Another channel to the same node, should this one turn out to take no new call. */
  readonly again?: (() => Promise<Channel>) | undefined;
  readonly headers: UpstreamHeaders;
  /** The first request message, canonical and framed; undefined when everything comes from `body`. */
  readonly firstFrame: Buffer | undefined;
  readonly body: RequestBody;
  /** Encoding of the caller's messages, needed only with `inspectRequestMessage`. */
  readonly requestEncoding?: string | undefined;
  /** Sees every request message after the first. Messages then pass decompressed. */
  readonly inspectRequestMessage?: InspectMessage | undefined;
  /** Sees every reply message. Give `upstreamHeaders` no acceptEncoding then. */
  readonly inspectResponseMessage?: InspectMessage | undefined;
  /** Bytes of messages that may be under inspection at a time, each way; 0 by default: one message after the other. */
  readonly inspectAhead?: number | undefined;
  /** Milliseconds since the epoch at which the caller's deadline passes. */
  readonly deadline?: number | undefined;
  readonly clock: Clock;
  /** Ends the call from the gateway's side; the reason should be a GateError and becomes the status. */
  readonly signal?: AbortSignal | undefined;
  /** Given, once, what tells how much has passed so far; it may be asked at any time. */
  readonly onCounts?: ((counts: () => RelayCounts) => void) | undefined;
  /**
   * Called exactly once with the outcome, before the caller learns the status (or when the caller is gone); a promise
   * holds the trailers back and may bring more. Should it reject, the caller is given that error as status.
   */
  readonly beforeTrailers?: ((result: RelayResult) => Promise<ExtraTrailers | undefined> | undefined) | undefined;
}

/**
 * Passes one call on to one node and back. Never rejects; every failure is a status that the caller gets. Resolves
 * when the status was handed to the caller's connection or the caller is gone.
 */
export function relay(options: RelayOptions): Promise<RelayResult> {
  return new Promise(resolve => {
    new Relay(options, resolve).start();
  });
}

class Relay implements RequestBodySink, NodeCallEvents {
  readonly #o: RelayOptions;
  readonly #resolve: (result: RelayResult) => void;
  readonly #request = new FrameCounter();
  readonly #response = new FrameCounter();
  /** Made when a message does not come in one piece. */
  #whole: WholeMessages | undefined;
  #call: NodeCall | undefined;
  /** Opened by the node's appetite for the request, and the caller's for the reply. Made when they matter. */
  #requestValve: Valve | undefined;
  #replyValve: Valve | undefined;
  #requestGuard: GuardedFlow | undefined;
  #responseGuard: GuardedFlow | undefined;
  #nodeEnd: NodeEnd | undefined;
  #result: RelayResult | undefined;
  #unwatch: (() => void) | undefined;
  #drains = false;

  constructor(options: RelayOptions, resolve: (result: RelayResult) => void) {
    this.#o = options;
    this.#resolve = resolve;
  }

  start(): void {
    const { downstream, channel, again, headers, deadline, clock, signal } = this.#o;
    if (downstream.destroyed || downstream.closed) {
      this.#clientGone();
      return;
    }
    this.#unwatch = watchDeadline({ deadline, clock, signal }, (error, cause) => {
      this.#fail(error, cause);
    });
    if (this.#result !== undefined) return;
    this.#o.onCounts?.(() => this.#counts());
    downstream.on('aborted', () => {
      this.#clientGone();
    });
    downstream.on('close', () => {
      this.#clientGone();
    });
    try {
      this.#call = new NodeCall(channel, headers, this, again);
    } catch (error) {
      this.#fail(GateError.from(error), 'not-forwarded');
      return;
    }
    this.#sendRequest(this.#call);
  }

  #sendRequest(call: NodeCall): void {
    const { firstFrame, body, inspectRequestMessage } = this.#o;
    if (firstFrame !== undefined) this.#request.push(firstFrame);
    if (body.ended) {
      call.end(firstFrame);
      return;
    }
    const valve = new Valve(body);
    this.#requestValve = valve;
    if (firstFrame !== undefined && !call.write(firstFrame)) valve.hold(waits.full);
    if (inspectRequestMessage !== undefined)
      this.#requestGuard = this.#guardRequest(call, valve, inspectRequestMessage);
    body.start(this);
  }

  // Request direction, as the sink of the body.

  data(chunk: Buffer): void {
    if (this.#result !== undefined) return;
    try {
      this.#request.push(chunk);
    } catch (error) {
      this.#fail(GateError.from(error), 'gateway');
      return;
    }
    if (this.#requestGuard !== undefined) this.#requestGuard.push(chunk);
    else if (this.#call?.write(chunk) === false) this.#requestValve?.hold(waits.full);
  }

  end(): void {
    if (this.#requestGuard !== undefined) this.#requestGuard.end();
    else this.#call?.end();
  }

  onNodeDrain(): void {
    if (this.#result === undefined) this.#requestValve?.release(waits.full);
  }

  // Reply direction, as events of the node's half.

  onNodeHeaders(raw: readonly string[]): void {
    const { downstream, inspectResponseMessage } = this.#o;
    if (this.#result !== undefined || downstream.destroyed || downstream.closed) return;
    if (inspectResponseMessage !== undefined && this.#call !== undefined) {
      const encoding = rawValue(raw, 'grpc-encoding');
      this.#replyValve = new Valve(this.#call);
      this.#responseGuard = this.#guardResponse(this.#replyValve, encoding, inspectResponseMessage);
    }
    // A caller who was held in their terminal has the headers already.
    if (downstream.headersSent) return;
    try {
      const drop = inspectResponseMessage === undefined ? undefined : 'grpc-encoding';
      downstream.respond(passingHeaders(raw, drop), streamedReply);
    } catch (cause) {
      const { node } = this.#o.channel;
      const message = `node ${node}: reply headers that cannot be passed on`;
      this.#fail(new GateError('upstream-unavailable', message, { cause }), 'upstream-lost');
    }
  }

  onNodeData(chunk: Buffer): void {
    if (this.#result !== undefined) return;
    try {
      const boundary = this.#response.push(chunk);
      if (this.#responseGuard !== undefined) this.#responseGuard.push(chunk);
      else if (!this.#pass(chunk, boundary)) this.#holdNode();
    } catch (error) {
      this.#fail(GateError.from(error), 'gateway');
    }
  }

  /** Most replies are one message in one chunk; the others are put together first. */
  #pass(chunk: Buffer, boundary: number): boolean {
    const { downstream } = this.#o;
    if (this.#whole === undefined && boundary === chunk.length) return downstream.write(chunk);
    this.#whole ??= new WholeMessages(downstream);
    return this.#whole.write(chunk, boundary, this.#response.open);
  }

  onNodeEnd(end: NodeEnd): void {
    this.#nodeEnd = end;
    if (this.#responseGuard !== undefined && end.by === 'node') this.#responseGuard.end();
    else this.#endWithNode(end);
  }

  #endWithNode(end: NodeEnd): void {
    if (end.by === 'loss') {
      this.#settle(end.status, 'upstream-lost', (result, metadata) => {
        endWithStatus(this.#o.downstream, result.status, { metadata });
      });
      return;
    }
    this.#whole?.flush();
    this.#settle(end.status, 'server', (result, extra) => {
      endWithTrailers(this.#o.downstream, { ...passingTrailers(end.trailers), ...extra }, () => {
        this.#resolve(result);
      });
    });
  }

  /** Stops reading from the node until the caller has taken what was written. */
  #holdNode(): void {
    if (this.#call === undefined) return;
    this.#replyValve ??= new Valve(this.#call);
    this.#replyValve.hold(waits.full);
    if (this.#drains) return;
    this.#drains = true;
    this.#o.downstream.on('drain', () => {
      this.#replyValve?.release(waits.full);
    });
  }

  #guardRequest(call: NodeCall, valve: Valve, inspect: InspectMessage): GuardedFlow {
    return new GuardedFlow({
      inspect,
      encoding: this.#o.requestEncoding,
      ahead: this.#o.inspectAhead,
      valve,
      write: payload => {
        if (!call.write(encodeFrame(payload))) valve.hold(waits.full);
      },
      onEnd: () => {
        call.end();
      },
      onError: error => {
        this.#fail(error, 'gateway');
      },
    });
  }

  #guardResponse(valve: Valve, encoding: string | undefined, inspect: InspectMessage): GuardedFlow {
    return new GuardedFlow({
      inspect,
      encoding,
      ahead: this.#o.inspectAhead,
      valve,
      write: payload => {
        if (this.#result === undefined && !this.#o.downstream.write(encodeFrame(payload))) this.#holdNode();
      },
      onEnd: () => {
        if (this.#nodeEnd !== undefined) this.#endWithNode(this.#nodeEnd);
      },
      onError: error => {
        this.#fail(error, 'gateway');
      },
    });
  }

  /** Ends the call from this side: the node's stream is reset at once, the caller is given the status. */
  #fail(error: GateError, cause: EndCause): void {
    if (this.#result !== undefined) return;
    this.#call?.cancel();
    this.#settle(statusOf(error), cause, (result, metadata) => {
      endWithStatus(this.#o.downstream, result.status, { metadata });
    });
  }

  #clientGone(): void {
    if (this.#result !== undefined) {
      this.#resolve(this.#result);
      return;
    }
    this.#call?.cancel();
    this.#settle({ code: grpcCodes.CANCELLED, message: 'cancelled by the caller' }, 'client', () => undefined);
  }

  #counts(): RelayCounts {
    return {
      requestBytes: this.#request.bytes,
      requestMessages: this.#request.messages,
      responseBytes: this.#response.bytes,
      responseMessages: this.#response.messages,
    };
  }

  #settle(
    status: GrpcStatus,
    cause: EndCause,
    deliver: (result: RelayResult, extra: ExtraTrailers | undefined) => void,
  ): void {
    if (this.#result !== undefined) return;
    const forwarded = this.#call !== undefined;
    const result: RelayResult = {
      status,
      endCause: forwarded ? cause : 'not-forwarded',
      ...this.#counts(),
      forwarded,
    };
    this.#result = result;
    this.#unwatch?.();
    const finish = (extra?: ExtraTrailers): void => {
      deliver(result, extra);
      // Without trailers of the node to wait for, there is nothing left to observe.
      if (cause !== 'server') this.#resolve(result);
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
