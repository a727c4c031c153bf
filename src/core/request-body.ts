/** Takes the rest of a request as it arrives. Called on the reader's turn, never after `end`. */
export interface RequestBodySink {
  /** Bytes as they came, cut anywhere. */
  data(chunk: Buffer): void;
  /** The client half-closed: no more bytes. Not called when the client reset the stream. */
  end(): void;
}

/**
 * The messages that a client sends in one call. Nothing is read from the network before one of the methods asks for
 * it, so an unread body costs no more than the flow-control window. Use `readFirst`, then `readNext` as often as
 * wanted, then `start` once.
 */
export interface RequestBody {
  /** True once the client half-closed and nothing of the request is left unread. */
  readonly ended: boolean;
  /**
   * The first message, decompressed. For unary and server-streaming methods it resolves only when the client has
   * half-closed after exactly one message. Rejects with GateError `bad-request` (none, or a second one),
   * `malformed-frame`, `message-too-large`, `unsupported-encoding`, `overloaded`, `cancelled`.
   */
  readFirst(signal?: AbortSignal): Promise<Buffer>;
  /** One more whole message, decompressed, or undefined when the client has half-closed. Rejects like `readFirst`. */
  readNext(signal?: AbortSignal): Promise<Buffer | undefined>;
  /** Hands everything that was not read yet to the sink, raw, until the end. */
  start(sink: RequestBodySink): void;
  /** Stops the flow to the sink until `resume`. The client is held back by flow control. */
  pause(): void;
  resume(): void;
}
