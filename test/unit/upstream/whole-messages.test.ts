import { Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, FrameCounter } from '../../../src/core/grpc-frame.ts';
import { WholeMessages } from '../../../src/upstream/whole-messages.ts';

/** What comes out after each chunk that goes in. */
function pass(chunks: readonly Buffer[]): { whole: WholeMessages; out: () => Buffer } {
  const written: Buffer[] = [];
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      written.push(chunk);
      done();
    },
  });
  const whole = new WholeMessages(sink);
  const counter = new FrameCounter();
  for (const chunk of chunks) {
    const boundary = counter.push(chunk);
    whole.write(chunk, boundary, counter.open);
  }
  return { whole, out: () => Buffer.concat(written) };
}

describe('WholeMessages', () => {
  it('writes complete messages only, however the stream is cut, and all of them', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 6 }),
        fc.nat(),
        fc.nat(),
        (messages, a, b) => {
          const frames = messages.map(message => encodeFrame(message));
          const stream = Buffer.concat(frames);
          const [first = 0, second = 0] = [a % (stream.length + 1), b % (stream.length + 1)].sort((x, y) => x - y);
          const { out } = pass([stream.subarray(0, first), stream.subarray(first, second)]);
          let end = 0;
          for (const frame of frames)
            if (end + frame.length <= second) end += frame.length;
            else break;
          expect(out()).toEqual(stream.subarray(0, end));
          expect(
            pass([stream.subarray(0, first), stream.subarray(first, second), stream.subarray(second)]).out(),
          ).toEqual(stream);
        },
      ),
    );
  });

  it('passes a message over 256 KiB as it comes', () => {
    const frame = encodeFrame(Buffer.alloc(300 * 1024));
    expect(pass([frame.subarray(0, 1000)]).out().length).toBe(1000);
  });

  it('writes what it holds when told to', () => {
    const frame = encodeFrame(Buffer.from('hello'));
    const { whole, out } = pass([frame.subarray(0, 6)]);
    expect(out().length).toBe(0);
    whole.flush();
    expect(out()).toEqual(frame.subarray(0, 6));
  });
});
