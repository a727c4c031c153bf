import type { ServerHttp2Stream } from 'node:http2';
import { GateError } from '../core/gate-error.ts';
import { type GrpcStatus, grpcCodes, maxMessageBytes } from '../core/grpc.ts';
import { encodeFrame, framePrefixBytes } from '../core/grpc-frame.ts';
import type { ExtraTrailers } from '../core/relay-result.ts';
import { errorField, fieldOne, hostnameField, labelReply } from './aggregate.ts';
import { endWithTrailers, streamedReply } from './reply.ts';

/** The one reply that a caller of several nodes gets. `add` and `end` throw GateError when it would grow too large. */
export interface MergedReply {
  /** A message of a node. */
  add(from: ReplyPart, payload: Buffer): void;
  /** A node has ended; a status other than OK becomes part of the reply. */
  end(from: ReplyPart, status: GrpcStatus): void;
  /** All nodes have ended: sends what is left and OK, with more trailers if there are. `onSent` is called when it was handed to the connection. */
  finish(extra: ExtraTrailers | undefined, onSent: () => void): void;
  /** Sent or kept so far. */
  readonly bytes: number;
  readonly messages: number;
}

/** Whose reply it is. One node may be asked twice under the same name. */
export interface ReplyPart {
  readonly index: number;
  readonly hostname: string;
}

/** Stops and restarts all nodes when the caller reads slower than they send. */
export interface MergedReplySource {
  hold(): void;
  release(): void;
}

/** Merges the way apid does: one message at the end for unary replies, messages as they come for streams. */
export function createMergedReply(
  downstream: ServerHttp2Stream,
  streaming: boolean,
  source: MergedReplySource,
): MergedReply {
  return streaming ? new StreamedReply(downstream, source) : new UnaryReply(downstream);
}

class UnaryReply implements MergedReply {
  readonly #downstream: ServerHttp2Stream;
  readonly #parts: Buffer[] = [];
  readonly #answered = new Set<number>();
  #size = 0;

  constructor(downstream: ServerHttp2Stream) {
    this.#downstream = downstream;
  }

  get bytes(): number {
    return framePrefixBytes + this.#size;
  }

  get messages(): number {
    return 1;
  }

  add(from: ReplyPart, payload: Buffer): void {
    this.#answered.add(from.index);
    this.#push(labelReply(payload, hostnameField(from.hostname)));
  }

  end({ index, hostname }: ReplyPart, status: GrpcStatus): void {
    if (status.code !== grpcCodes.OK) this.#push(fieldOne(errorField(hostname, status)));
    // OK without a message: the node has answered, with nothing.
    else if (!this.#answered.has(index)) this.#push(fieldOne(hostnameField(hostname)));
  }

  finish(extra: ExtraTrailers | undefined, onSent: () => void): void {
    open(this.#downstream);
    if (!gone(this.#downstream)) this.#downstream.write(encodeFrame(Buffer.concat(this.#parts)));
    endWithTrailers(this.#downstream, { 'grpc-status': '0', ...extra }, onSent);
  }

  #push(part: Buffer): void {
    this.#size += part.length;
    if (this.#size > maxMessageBytes) throw repliesTooLarge();
    this.#parts.push(part);
  }
}

class StreamedReply implements MergedReply {
  readonly #downstream: ServerHttp2Stream;
  readonly #source: MergedReplySource;
  bytes = 0;
  messages = 0;

  constructor(downstream: ServerHttp2Stream, source: MergedReplySource) {
    this.#downstream = downstream;
    this.#source = source;
    downstream.on('drain', () => {
      source.release();
    });
  }

  add({ hostname }: ReplyPart, payload: Buffer): void {
    const frame = encodeFrame(Buffer.concat([payload, hostnameField(hostname)]));
    if (frame.length - framePrefixBytes > maxMessageBytes) {
      throw new GateError('message-too-large', 'a message of a node leaves no room for the name of the node');
    }
    this.#write(frame);
  }

  end({ hostname }: ReplyPart, status: GrpcStatus): void {
    if (status.code !== grpcCodes.OK) this.#write(encodeFrame(errorField(hostname, status)));
  }

  finish(extra: ExtraTrailers | undefined, onSent: () => void): void {
    open(this.#downstream);
    endWithTrailers(this.#downstream, { 'grpc-status': '0', ...extra }, onSent);
  }

  #write(frame: Buffer): void {
    open(this.#downstream);
    if (gone(this.#downstream)) return;
    this.bytes += frame.length;
    this.messages++;
    if (!this.#downstream.write(frame)) this.#source.hold();
  }
}

/** For a caller who would be sent more than fits into one message. */
export function repliesTooLarge(): GateError {
  return new GateError('message-too-large', 'the replies of all nodes together exceed 32 MiB; ask fewer at a time');
}

function open(downstream: ServerHttp2Stream): void {
  if (gone(downstream) || downstream.headersSent) return;
  downstream.respond({ ':status': 200, 'content-type': 'application/grpc' }, streamedReply);
}

function gone(downstream: ServerHttp2Stream): boolean {
  return downstream.destroyed || downstream.closed;
}
