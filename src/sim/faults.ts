import { type GrpcCodeName, grpcCodes } from '../core/grpc.ts';
import { pause, SimStatus } from './sim-call.ts';

/** A status that a node gives instead of an answer. */
export interface Fault {
  readonly code: GrpcCodeName | number;
  readonly message: string;
  /** Bytes of `grpc-status-details-bin`. */
  readonly details?: Buffer;
}

/** Failures and delays that a test has ordered, per method; each is used once, in the order they were given. */
export class Faults {
  readonly #failures = new Map<string, Fault[]>();
  readonly #delays = new Map<string, number[]>();

  failNext(path: string, fault: Fault): void {
    this.#failures.set(path, [...(this.#failures.get(path) ?? []), fault]);
  }

  delayNext(path: string, milliseconds: number): void {
    this.#delays.set(path, [...(this.#delays.get(path) ?? []), milliseconds]);
  }

  /** Waits and throws as ordered for this method. */
  async apply(path: string, signal: AbortSignal): Promise<void> {
    const delay = this.#delays.get(path)?.shift();
    if (delay !== undefined) await pause(delay, signal);
    const fault = this.#failures.get(path)?.shift();
    if (fault === undefined) return;
    const code = typeof fault.code === 'number' ? fault.code : grpcCodes[fault.code];
    throw new SimStatus(code, fault.message, fault.details);
  }
}
