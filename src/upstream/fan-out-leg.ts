import type { EndCause } from '../core/audit-record.ts';
import { GateError } from '../core/gate-error.ts';
import { type GrpcStatus, grpcCodes } from '../core/grpc.ts';
import { FrameCounter } from '../core/grpc-frame.ts';
import { statusOf } from '../core/grpc-status.ts';
import type { RelayResult } from '../core/relay-result.ts';
import type { Channel } from './channel.ts';
import { GuardedFlow } from './guarded-flow.ts';
import type { UpstreamHeaders } from './metadata.ts';
import { NodeCall, type NodeCallEvents, type NodeEnd } from './node-call.ts';
import { rawValue } from './passing-headers.ts';
import { Valve, waits } from './valve.ts';

/** Called by a leg: messages any number of times, then the end once, unless the leg was stopped. */
export interface FanOutLegEvents {
  onLegBytes(count: number): void;
  onLegMessage(leg: FanOutLeg, payload: Buffer): void;
  onLegEnd(leg: FanOutLeg, status: GrpcStatus, cause: EndCause): void;
  onLegDrain(leg: FanOutLeg): void;
}

/** The part of one node in a call to several. */
export class FanOutLeg implements NodeCallEvents {
  readonly index: number;
  readonly hostname: string;
  readonly #events: FanOutLegEvents;
  readonly #response = new FrameCounter();
  #call: NodeCall | undefined;
  #valve: Valve | undefined;
  #flow: GuardedFlow | undefined;
  #nodeStatus: GrpcStatus | undefined;
  #over = false;

  constructor(index: number, hostname: string, events: FanOutLegEvents) {
    this.index = index;
    this.hostname = hostname;
    this.#events = events;
  }

  get over(): boolean {
    return this.#over;
  }

  open(channel: Channel, headers: UpstreamHeaders, again?: () => Promise<Channel>): void {
    if (this.#over) return;
    try {
      this.#call = new NodeCall(channel, headers, this, again);
      this.#valve = new Valve(this.#call);
    } catch (error) {
      this.fail(GateError.from(error), 'not-forwarded');
    }
  }

  /** False: the node takes no more for the moment, `onLegDrain` follows. */
  write(chunk: Buffer): boolean {
    return this.#call?.write(chunk) ?? true;
  }

  endRequest(chunk?: Buffer): void {
    this.#call?.end(chunk);
  }

  /** Holds the replies of this node back, or lets them come. */
  hold(): void {
    this.#valve?.hold(waits.full);
  }

  release(): void {
    this.#valve?.release(waits.full);
  }

  /** Ends this leg with a failure of the gateway's own. */
  fail(error: GateError, cause: EndCause): void {
    this.#call?.cancel();
    this.#end(statusOf(error), cause);
  }

  /** Ends this leg without an event. */
  stop(): void {
    if (this.#over) return;
    this.#over = true;
    this.#call?.cancel();
  }

  result(status: GrpcStatus, cause: EndCause, request: { bytes: number; messages: number }): RelayResult {
    const forwarded = this.#call !== undefined;
    return {
      status,
      endCause: forwarded ? cause : 'not-forwarded',
      requestBytes: forwarded ? request.bytes : 0,
      requestMessages: forwarded ? request.messages : 0,
      responseBytes: this.#response.bytes,
      responseMessages: this.#response.messages,
      forwarded,
    };
  }

  onNodeHeaders(raw: readonly string[]): void {
    if (this.#valve === undefined) return;
    this.#flow = new GuardedFlow({
      inspect: () => undefined,
      encoding: rawValue(raw, 'grpc-encoding'),
      valve: this.#valve,
      write: payload => {
        if (!this.#over) this.#events.onLegMessage(this, payload);
      },
      onEnd: () => {
        if (this.#nodeStatus !== undefined) this.#end(this.#nodeStatus, 'server');
      },
      onError: error => {
        this.fail(error, 'gateway');
      },
    });
  }

  onNodeData(chunk: Buffer): void {
    if (this.#over) return;
    try {
      this.#response.push(chunk);
    } catch (error) {
      this.fail(GateError.from(error), 'gateway');
      return;
    }
    this.#events.onLegBytes(chunk.length);
    this.#flow?.push(chunk);
  }

  onNodeEnd(end: NodeEnd): void {
    if (end.by === 'loss') {
      this.#end(end.status, 'upstream-lost');
      return;
    }
    this.#nodeStatus = end.status;
    // A failed reply may stop inside a message; a good one may still have messages to be decompressed.
    if (this.#flow !== undefined && end.status.code === grpcCodes.OK) this.#flow.end();
    else this.#end(end.status, 'server');
  }

  onNodeDrain(): void {
    this.#events.onLegDrain(this);
  }

  #end(status: GrpcStatus, cause: EndCause): void {
    if (this.#over) return;
    this.#over = true;
    this.#events.onLegEnd(this, status, cause);
  }
}
