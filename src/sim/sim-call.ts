import { type GrpcCodeName, grpcCodes } from '../core/grpc.ts';

/** Header fields of a call by lower-case name; a repeated field keeps each of its values. */
export type CallMetadata = ReadonlyMap<string, readonly string[]>;

/**
 * One call as a simulated node sees it, whatever its kind. A handler reads requests until `undefined`, sends replies,
 * and ends the call by returning (status OK) or by throwing a `SimStatus`.
 */
export interface SimCall {
  /** `/machine.MachineService/Version`. */
  readonly path: string;
  readonly metadata: CallMetadata;
  /** Talos roles that count for this call. */
  readonly roles: ReadonlySet<string>;
  /** Aborts when the caller left, the deadline passed or the node went away. */
  readonly signal: AbortSignal;
  /** Next request message; undefined once the client has half-closed. Rejects when the call is over. */
  read(): Promise<Buffer | undefined>;
  /** Resolves when the transport took the message; rejects when the call is over. */
  send(message: Uint8Array): Promise<void>;
}

/** How a handler refuses: a gRPC status with the text that a real node would use. */
export class SimStatus extends Error {
  override readonly name = 'SimStatus';
  readonly code: number;
  /** Bytes for `grpc-status-details-bin`. */
  readonly details: Buffer | undefined;

  constructor(code: GrpcCodeName | number, message: string, details?: Buffer) {
    super(message);
    this.code = typeof code === 'number' ? code : grpcCodes[code];
    this.details = details;
  }

  /** What a Go server makes of any error: its own status, or UNKNOWN with the error's text. */
  static from(thrown: unknown): SimStatus {
    if (thrown instanceof SimStatus) return thrown;
    return new SimStatus('UNKNOWN', thrown instanceof Error ? thrown.message : String(thrown));
  }
}

/** Resolves after the given milliseconds; rejects with CANCELLED as soon as the signal aborts. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(cancelled());
      return;
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, milliseconds);
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(cancelled());
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** Follows `promise`, but rejects with CANCELLED as soon as the signal aborts. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(cancelled());
      return;
    }
    const onAbort = (): void => {
      reject(cancelled());
    };
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', onAbort);
    });
  });
}

/** The status of a call whose caller left. */
export function cancelled(): SimStatus {
  return new SimStatus('CANCELLED', 'context canceled');
}
