import { GateError } from '../core/gate-error.ts';
import type { Direction } from './cipher.ts';

/**
 * Something that happened in a session. `at`: microseconds since its start. `output`: what the node printed. `typed`:
 * how many bytes went to the container's input, never which. `echoed`: a line of input that the terminal had shown, with the
 * time of its first key; it may stand after later events. `exit` is the node's last word.
 */
export type SessionEvent = { readonly at: number } & (
  | { readonly kind: 'output'; readonly data: Buffer }
  | { readonly kind: 'typed'; readonly bytes: number }
  | { readonly kind: 'echoed'; readonly data: Buffer }
  | { readonly kind: 'signal'; readonly signal: number }
  | { readonly kind: 'resize'; readonly width: number; readonly height: number }
  | { readonly kind: 'end-of-input' }
  | { readonly kind: 'exit'; readonly code: number }
);

/** Bytes of an encoded event before its payload: kind (1), time (6), length of the payload (4). */
export const eventHeader = 11;

const kinds: Readonly<Record<SessionEvent['kind'], number>> = {
  output: 1,
  typed: 2,
  echoed: 3,
  signal: 4,
  resize: 5,
  'end-of-input': 6,
  exit: 7,
};

/** Which way an event went. */
export function directionOf(kind: SessionEvent['kind']): Direction {
  return kind === 'output' || kind === 'exit' ? 'out' : 'in';
}

/** Encodes one event, in pieces so that output is not copied; a chunk is any number of events one after the other. */
export function encodeEvent(event: SessionEvent): readonly Buffer[] {
  const payload = payloadOf(event);
  const header = Buffer.allocUnsafe(eventHeader);
  header.writeUInt8(kinds[event.kind], 0);
  header.writeUIntBE(event.at, 1, 6);
  header.writeUInt32BE(payload.length, 7);
  return [header, payload];
}

/** Reads the events of a chunk. Throws GateError `malformed-message` when it is not made of them. */
export function decodeEvents(chunk: Buffer): SessionEvent[] {
  const events: SessionEvent[] = [];
  for (let start = 0; start < chunk.length; ) {
    const payloadAt = start + eventHeader;
    const end = payloadAt > chunk.length ? Number.POSITIVE_INFINITY : payloadAt + chunk.readUInt32BE(start + 7);
    if (end > chunk.length) throw malformed();
    events.push(decode(chunk.readUInt8(start), chunk.readUIntBE(start + 1, 6), chunk.subarray(payloadAt, end)));
    start = end;
  }
  return events;
}

function payloadOf(event: SessionEvent): Buffer {
  switch (event.kind) {
    case 'output':
    case 'echoed':
      return event.data;
    case 'typed':
      return integers(event.bytes);
    case 'signal':
      return integers(event.signal);
    case 'resize':
      return integers(event.width, event.height);
    case 'end-of-input':
      return Buffer.alloc(0);
    case 'exit':
      return integers(event.code);
  }
}

function decode(kind: number, at: number, payload: Buffer): SessionEvent {
  const integer = (index: number): number => {
    if (payload.length < 4 * index + 4) throw malformed();
    return payload.readInt32BE(4 * index);
  };
  switch (kind) {
    case kinds.output:
      return { at, kind: 'output', data: payload };
    case kinds.typed:
      return { at, kind: 'typed', bytes: integer(0) };
    case kinds.echoed:
      return { at, kind: 'echoed', data: payload };
    case kinds.signal:
      return { at, kind: 'signal', signal: integer(0) };
    case kinds.resize:
      return { at, kind: 'resize', width: integer(0), height: integer(1) };
    case kinds['end-of-input']:
      return { at, kind: 'end-of-input' };
    case kinds.exit:
      return { at, kind: 'exit', code: integer(0) };
    default:
      throw malformed();
  }
}

function integers(...values: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeInt32BE(value | 0, 4 * index);
  return bytes;
}

function malformed(): GateError {
  return new GateError('malformed-message', 'a chunk of a recording is not made of events');
}
