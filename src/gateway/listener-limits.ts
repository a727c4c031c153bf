/**
 * Everything a peer could use up, each with its bound. Node leaves several of these off or high, so every one is set
 * explicitly (`SessionOptions` of node:http2, and RFC 9113 section 10.5).
 */
export interface ListenerLimits {
  /** TCP connections at a time; more are dropped before TLS. */
  readonly maxConnections: number;
  /** Streams a connection may have open. A dashboard holds about 21 for each node, all nodes on one connection. */
  readonly maxConcurrentStreams: number;
  /** Megabytes of HTTP/2 state and unsent data of one connection above which it gets no new streams. */
  readonly maxSessionMemoryMb: number;
  /** Header fields in a request. Each target of a `nodes` call is one. */
  readonly maxHeaderFields: number;
  /** Bytes of a request's header block. */
  readonly maxHeaderBytes: number;
  /** Streams that a connection may reset in a burst, and then per second (CVE-2023-44487). */
  readonly resetBurst: number;
  readonly resetsPerSecond: number;
  /** Invalid frames, and refused streams, after which a connection is closed. */
  readonly maxInvalidFrames: number;
  readonly maxRejectedStreams: number;
  /** Entries of one SETTINGS frame. */
  readonly maxSettings: number;
  /** Milliseconds for the TLS handshake, and for a peer that does not speak HTTP/2 to go. */
  readonly handshakeMs: number;
  readonly unknownProtocolMs: number;
  /** Milliseconds without a call after which a connection is closed: of strangers, and of callers once proved. */
  readonly idleStrangerMs: number;
  readonly idleMs: number;
  /** How often idle connections are looked for. */
  readonly sweepMs: number;
  /** Milliseconds that the first message of a request may take to arrive whole. */
  readonly messageMs: number;
  /** Bytes that all calls together may hold in requests that are not passed on yet. */
  readonly requestMemory: number;
  /** Flow-control windows in bytes: of a stream before and after its connection made a proved call, of a connection after. */
  readonly strangerStreamWindow: number;
  readonly streamWindow: number;
  readonly connectionWindow: number;
}

export const defaultListenerLimits: ListenerLimits = {
  maxConnections: 4096,
  maxConcurrentStreams: 1000,
  maxSessionMemoryMb: 64,
  maxHeaderFields: 512,
  maxHeaderBytes: 65_536,
  resetBurst: 4000,
  resetsPerSecond: 200,
  maxInvalidFrames: 100,
  maxRejectedStreams: 100,
  maxSettings: 32,
  handshakeMs: 5000,
  unknownProtocolMs: 1000,
  idleStrangerMs: 60_000,
  idleMs: 30 * 60_000,
  sweepMs: 5000,
  messageMs: 30_000,
  requestMemory: 256 * 1024 * 1024,
  strangerStreamWindow: 65_535,
  streamWindow: 2 * 1024 * 1024,
  connectionWindow: 16 * 1024 * 1024,
};
