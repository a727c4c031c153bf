import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, FrameCounter, FrameSplitter } from '../../../src/core/grpc-frame.ts';

const payloads = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 });

/** Cuts bytes at the given places, in whatever order they come. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [0, ...places.map(place => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end));
}

describe('FrameSplitter', () => {
  it('gives back the messages of a stream however it is cut', () => {
    fc.assert(
      fc.property(payloads, fc.array(fc.nat(), { maxLength: 30 }), (messages, places) => {
        const splitter = new FrameSplitter();
        const stream = Buffer.concat(messages.map(message => encodeFrame(message)));
        const seen = cut(stream, places).flatMap(chunk => splitter.push(chunk));
        expect(seen.map(frame => frame.payload.toString('hex'))).toEqual(
          messages.map(message => Buffer.from(message).toString('hex')),
        );
        expect(splitter.pending).toBe(0);
      }),
    );
  });

  it('takes a message byte by byte without keeping a piece for each', () => {
    const splitter = new FrameSplitter();
    const frame = encodeFrame(Buffer.alloc(100_000, 1));
    let seen = 0;
    for (const byte of frame) seen += splitter.push(Buffer.from([byte])).length;
    expect(seen).toBe(1);
  });

  it('hands back what it holds of an incomplete message', () => {
    const splitter = new FrameSplitter();
    const frame = encodeFrame(Buffer.from('hello'));
    splitter.push(frame.subarray(0, 3));
    splitter.push(frame.subarray(3, 7));
    expect(splitter.pending).toBe(7);
    expect(splitter.drain()).toEqual(frame.subarray(0, 7));
    expect(splitter.pending).toBe(0);
  });

  it('knows a compressed message', () => {
    expect(new FrameSplitter().push(encodeFrame(Buffer.from('z'), true))[0]?.compressed).toBe(true);
  });

  it('refuses a length over the limit before it holds any of the message', () => {
    const splitter = new FrameSplitter(10);
    expect(() => splitter.push(encodeFrame(Buffer.alloc(11)).subarray(0, 5))).toThrow(/at most 10/);
    expect(new FrameSplitter(10).push(encodeFrame(Buffer.alloc(10)))).toHaveLength(1);
  });

  it.each([2, 3, 0x80, 0xff])('refuses the compression byte %d', flag => {
    expect(() => new FrameSplitter().push(Buffer.from([flag, 0, 0, 0, 0]))).toThrow(/compression byte/);
  });
});

describe('FrameCounter', () => {
  it('agrees with the splitter on every cut, and finds the last boundary of each chunk', () => {
    fc.assert(
      fc.property(payloads, fc.array(fc.nat(), { maxLength: 30 }), (messages, places) => {
        const counter = new FrameCounter();
        const splitter = new FrameSplitter();
        const stream = Buffer.concat(messages.map(message => encodeFrame(message)));
        for (const chunk of cut(stream, places)) {
          const before = splitter.pending;
          const complete = splitter.push(chunk).length;
          const boundary = counter.push(chunk);
          expect(boundary).toBe(complete === 0 ? 0 : before + chunk.length - splitter.pending - before);
        }
        expect(counter.messages).toBe(messages.length);
        expect(counter.bytes).toBe(stream.length);
        expect(counter.open).toBe(0);
      }),
    );
  });

  it('tells the length of the message in progress', () => {
    const counter = new FrameCounter();
    counter.push(encodeFrame(Buffer.alloc(1000)).subarray(0, 100));
    expect(counter.open).toBe(1000);
  });

  it('refuses a length over the limit, also when the prefix comes in pieces', () => {
    const prefix = encodeFrame(Buffer.alloc(11)).subarray(0, 5);
    expect(() => new FrameCounter(10).push(prefix)).toThrow(/at most 10/);
    const counter = new FrameCounter(10);
    counter.push(prefix.subarray(0, 2));
    expect(() => counter.push(prefix.subarray(2))).toThrow(/at most 10/);
  });

  it('refuses a compression byte that is neither 0 nor 1', () => {
    expect(() => new FrameCounter().push(Buffer.from([7, 0, 0, 0, 0]))).toThrow(/compression byte/);
  });
});
