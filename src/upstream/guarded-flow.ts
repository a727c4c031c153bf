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
  /**
   * Bytes of messages that may be under inspection at a time; the valve is held from there on. Inspections begin and
   * messages pass in order all the same. Default 0: one message after the other.
   */
  readonly ahead?: number | undefined;
}

/** One direction of a call whose messages are looked at, in order, before they pass. */
export class GuardedFlow {
  readonly #o: GuardedFlowOptions;
  readonly #splitter = new FrameSplitter();
  #queue: Frame[] = [];
  /** Messages under inspection, their bytes, and the end of the last of them. */
  #inspecting = 0;
  #bytes = 0;
  #turn: Promise<void> = Promise.resolve();
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
    this.#run();
  }

  end(): void {
    if (this.#dead) return;
    this.#ended = true;
    this.#run();
  }

  /** Passes what is queued, as far as the inspections under way allow. */
  #run(): void {
    while (!this.#dead && (this.#inspecting === 0 || this.#bytes < (this.#o.ahead ?? 0))) {
      const frame = this.#queue[0];
      if (frame === undefined) break;
      // What has to be unpacked first would be overtaken.
      if (frame.compressed && this.#inspecting > 0) break;
      this.#queue.shift();
      this.#pass(frame);
      if (frame.compressed) break;
    }
    if (this.#dead) return;
    if (this.#inspecting > 0) {
      if (this.#queue.length > 0 || this.#bytes >= (this.#o.ahead ?? 0)) this.#o.valve.hold(waits.inspecting);
      else this.#o.valve.release(waits.inspecting);
      return;
    }
    this.#o.valve.release(waits.inspecting);
    if (!this.#ended) return;
    if (this.#splitter.pending > 0) this.#fail(new GateError('malformed-frame', 'a stream ends inside a message'));
    else this.#o.onEnd();
  }

  /** Inspects and writes one message, at once where the inspection takes no time and nothing is ahead of it. */
  #pass(frame: Frame): void {
    if (frame.compressed) {
      this.#later(frame.payload.length, this.#inspectPlain(decompressFrame(frame, this.#o.encoding)));
      return;
    }
    try {
      const inspection = this.#o.inspect(frame.payload);
      if (inspection === undefined && this.#inspecting === 0) this.#write(frame.payload);
      else
        this.#later(
          frame.payload.length,
          Promise.resolve(inspection).then(() => frame.payload),
        );
    } catch (error) {
      this.#fail(error);
    }
  }

  async #inspectPlain(plain: Promise<Buffer>): Promise<Buffer> {
    const payload = await plain;
    await this.#o.inspect(payload);
    return payload;
  }

  #later(bytes: number, inspected: Promise<Buffer>): void {
    this.#inspecting += 1;
    this.#bytes += bytes;
    // One ahead may fail first, and nobody waits for this one then.
    inspected.catch(() => undefined);
    this.#turn = this.#turn
      .then(() => inspected)
      .then(payload => {
        this.#write(payload);
        this.#inspecting -= 1;
        this.#bytes -= bytes;
        this.#run();
      });
    this.#turn.catch((error: unknown) => {
      this.#fail(error);
    });
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
