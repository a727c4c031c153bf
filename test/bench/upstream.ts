// Child process: stands for a node. Answers every call with the same Version reply, for a few microseconds of CPU each.
import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { encodeFrame as encodeMessage } from '../../src/core/grpc-frame.ts';
import { childSettings, serveParent } from './child.ts';
import { type Field, indexedBlocks, plainBlock, tableOff } from './hpack.ts';
import {
  announcedTableSize,
  encodeFrame,
  FrameReader,
  flags,
  frameTypes,
  type Http2Frame,
  preface,
  settingsFrame,
  streamNumberOffset,
  WindowKeeper,
} from './http2-frames.ts';
import { readCa, readKeyPair } from './pki.ts';
import { versionReply } from './version-reply.ts';

const { pki } = childSettings() as { readonly pki: string };
const trust = { ca: readCa(pki), requestCert: true, rejectUnauthorized: true };
const server = createServer(
  { ...readKeyPair(pki, 'node'), ...trust, minVersion: 'TLSv1.3', ALPNProtocols: ['h2'] },
  answerAll,
);
server.listen(0, '127.0.0.1', () => {
  serveParent({ port: (server.address() as AddressInfo).port });
});

const headers: readonly Field[] = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
];
const trailers: readonly Field[] = [['grpc-status', '0']];

/** A whole reply for stream 0, and the places where the real number belongs. */
interface Template {
  readonly bytes: Buffer;
  readonly numbers: readonly number[];
}

function template(head: Buffer, tail: Buffer): Template {
  const parts = [
    encodeFrame(frameTypes.headers, flags.endHeaders, 0, head),
    encodeFrame(frameTypes.data, 0, 0, encodeMessage(versionReply)),
    encodeFrame(frameTypes.headers, flags.endHeaders | flags.endStream, 0, tail),
  ];
  const numbers: number[] = [];
  let at = 0;
  for (const part of parts) {
    numbers.push(at + streamNumberOffset);
    at += part.length;
  }
  return { bytes: Buffer.concat(parts), numbers };
}

const total = headers.length + trailers.length;
const head = indexedBlocks(headers, 0, total);
const tail = indexedBlocks(trailers, headers.length, total);
const indexed = { first: template(head.first, tail.first), later: template(head.later, tail.later) };
const plainLater = template(plainBlock(headers), plainBlock(trailers));
const plain = {
  first: template(Buffer.concat([tableOff, plainBlock(headers)]), plainBlock(trailers)),
  later: plainLater,
};

function answerAll(socket: TLSSocket): void {
  const reader = new FrameReader();
  const window = new WindowKeeper();
  let prefaceLeft = preface.length;
  let templates = indexed;
  let next = templates.first;
  let out: Buffer[] = [];
  const take = (frame: Http2Frame): void => {
    if (frame.type === frameTypes.settings && (frame.flags & flags.ack) === 0) {
      if (announcedTableSize(frame.payload) === 0) {
        templates = plain;
        next = plain.first;
      }
      out.push(encodeFrame(frameTypes.settings, flags.ack, 0, Buffer.alloc(0)));
    } else if (frame.type === frameTypes.ping && (frame.flags & flags.ack) === 0) {
      out.push(encodeFrame(frameTypes.ping, flags.ack, 0, frame.payload));
    } else if (frame.type === frameTypes.data) {
      const update = window.received(frame.payload.length);
      if (update !== undefined) out.push(update);
    }
    const ends =
      (frame.type === frameTypes.data || frame.type === frameTypes.headers) && (frame.flags & flags.endStream) !== 0;
    if (!ends) return;
    const reply = Buffer.from(next.bytes);
    for (const at of next.numbers) reply.writeUInt32BE(frame.stream, at);
    out.push(reply);
    next = templates.later;
  };
  socket.setNoDelay(true);
  socket.write(settingsFrame());
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    const skipped = Math.min(prefaceLeft, chunk.length);
    prefaceLeft -= skipped;
    reader.push(chunk.subarray(skipped), take);
    if (out.length > 0) socket.write(Buffer.concat(out));
    out = [];
  });
}
