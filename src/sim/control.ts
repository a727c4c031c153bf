import type { RecordedCall } from './call-log.ts';
import type { Fault } from './faults.ts';

/** A simulated Talos node that listens. */
export interface SimNode {
  readonly name: string;
  /** Real host:port; stays the same over restarts. */
  readonly dial: string;
  readonly control: SimControl;
}

/** What tests do to a node and learn from it. */
export interface SimControl {
  /** The next authorised call of this method on this node gets this status instead of an answer. May be repeated. */
  failNext(methodPath: string, fault: Fault): void;
  /** The next authorised call of this method waits first. May be repeated. */
  delayNext(methodPath: string, milliseconds: number): void;
  /** Stops listening and drops every connection without a goodbye. */
  kill(): Promise<void>;
  /** Listens again where it did before, with another boot id: the node was off. Does nothing while it runs. */
  start(): Promise<void>;
  /** `kill` and `start`. */
  restart(): Promise<void>;
  /** Every call since the start or the last `clearCalls`, the oldest first. Living objects: they show the end when it comes. */
  calls(): readonly RecordedCall[];
  clearCalls(): void;
  /** Streams without an end. */
  openStreams(): number;
  /** HTTP/2 PINGs received since the last `clearCalls`; a real apid ends a connection that sends many (talos.md 2.2). */
  pings(): number;
  bootId(): string;
  /** The running machine configuration, YAML. */
  machineConfig(): string;
  /** True while the node listens. */
  up(): boolean;
}
