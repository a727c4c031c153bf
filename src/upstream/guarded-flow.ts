import { GateError } from '../core/gate-error.ts';
import { decompressFrame } from '../core/grpc-compression.ts';
import { type Frame, FrameSplitter } from '../core/grpc-frame.ts';
import { type Valve, waits } from './valve.ts';

/** Looks at one message before it passes. Throwing a GateError ends the call with it; a promise holds the direction. */
export type InspectMessage = (payload: Buffer) => void | Promise<void>;

export interface GuardedFlowOptions {
  readonly inspect: InspectMessage;
  /** Encoding of the messages whose compression flag is set. */
  readonly encoding: string | undefined;
  /** Takes an inspected message, decompressed. */
  readonly write: (payload: Buffer) => void;
  /** Everything that was pushed before `end` has been written. */
  readonly onEnd: () => void;
  readonly onError: (error: GateError) => void;
  /** Held while an inspection is under way. */
  readonly valve: Valve;
}

/** One direction of a call whose messages are looked at, one after the other, before they pass. */
export class GuardedFlow {
  readonly #o: GuardedFlowOptions;
  readonly #splitter = new FrameSplitter();
  #queue: Frame[] = [];
  #busy = false;
  #ended = false;
  #dead = false;

  constructor(options: GuardedFlowOptions) {
    this.#o = options;
  }

  push(chunk: Buffer): void {
    if (this.#dead) return;
    try {
      for (const frame of this.#splitter.push(chunk)) this.#queue.push(frame);
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (!this.#busy) this.#run();
  }

  end(): void {
    if (this.#dead) return;
    this.#ended = true;
    if (!this.#busy) this.#run();
  }

  /** Passes what is queued. False: an inspection takes its time and goes on from there. */
  #run(): boolean {
    for (let frame = this.#queue.shift(); frame !== undefined; frame = this.#queue.shift()) {
      const pending = this.#pass(frame);
      if (pending === undefined) continue;
      this.#busy = true;
      this.#o.valve.hold(waits.inspecting);
      pending.then(
        () => {
          this.#busy = false;
          if (this.#run() && !this.#dead) this.#o.valve.release(waits.inspecting);
        },
        (error: unknown) => {
          this.#fail(error);
        },
      );
      return false;
    }
    if (!this.#ended || this.#dead) return true;
    if (this.#splitter.pending > 0) this.#fail(new GateError('malformed-frame', 'a stream ends inside a message'));
    else this.#o.onEnd();
    return true;
  }

  /** Inspects and writes one message; a promise when that takes time. */
  #pass(frame: Frame): Promise<void> | undefined {
    if (frame.compressed) return this.#passLater(decompressFrame(frame, this.#o.encoding));
    try {
      const inspection = this.#o.inspect(frame.payload);
      if (inspection !== undefined) return this.#writeAfter(inspection, frame.payload);
      this.#write(frame.payload);
    } catch (error) {
      this.#fail(error);
    }
    return undefined;
  }

  async #passLater(plain: Promise<Buffer>): Promise<void> {
    const payload = await plain;
    await this.#o.inspect(payload);
    this.#write(payload);
  }

  async #writeAfter(inspection: Promise<void>, payload: Buffer): Promise<void> {
    await inspection;
    this.#write(payload);
  }

  #write(payload: Buffer): void {
    if (!this.#dead) this.#o.write(payload);
  }

  #fail(error: unknown): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#queue = [];
    this.#o.onError(GateError.from(error));
  }
}
