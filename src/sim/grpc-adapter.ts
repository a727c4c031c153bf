import type { EventEmitter } from 'node:events';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import {
  status as GrpcStatus,
  Metadata,
  type MethodDefinition,
  type ServerDuplexStream,
  type ServerErrorResponse,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  type UntypedHandleCall,
} from '@grpc/grpc-js';
import type { Clock } from '../core/clock.ts';
import type { CallLog, OpenRecord, RecordedEnd, RecordedPeer } from './call-log.ts';
import { type SimMethod, simMethods } from './methods.ts';
import { rolesOf } from './roles.ts';
import { type CallMetadata, cancelled, type SimCall, SimStatus, unlessAborted } from './sim-call.ts';

/** A stream between its headers and its handler. */
interface Arrival {
  readonly metadata: CallMetadata;
  readonly roles: ReadonlySet<string>;
  readonly record: OpenRecord;
}

/** Joins what the wire said about a stream with the call that grpc-js makes of it. */
export interface ArrivalBook {
  /** Records a new stream, and marks its headers so that `take` finds it. */
  arrive(peer: RecordedPeer, stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: readonly string[]): void;
  take(metadata: Metadata): Arrival;
  /** Milliseconds since the epoch. */
  now(): number;
}

type Bytes = Buffer;
type AnyCall =
  | ServerUnaryCall<Bytes, Bytes>
  | ServerWritableStream<Bytes, Bytes>
  | ServerReadableStream<Bytes, Bytes>
  | ServerDuplexStream<Bytes, Bytes>;

const statusCodes = Object.values(GrpcStatus).filter(code => typeof code !== 'string');
const marker = 'x-sim-arrival';
const knownPaths = new Set(simMethods.map(method => method.path));

/** An empty book that records into `log`. */
export function createArrivalBook(log: CallLog, clock: Clock): ArrivalBook {
  const waiting = new Map<string, Arrival>();
  let last = 0;
  return {
    arrive(peer, stream, headers, raw) {
      const pairs = pairsOf(raw);
      const metadata = groupByName(pairs);
      const roles = rolesOf(peer.organizations, metadata);
      const path = headers[':path'] ?? '';
      const record = log.start({ path, headers: pairs, metadata, peer, roles: [...roles] });
      if (!knownPaths.has(path)) record.end({ kind: 'status', code: 12, message: 'unimplemented' });
      const id = String((last += 1));
      headers[marker] = id;
      waiting.set(id, { metadata, roles, record });
      stream.once('close', () => {
        waiting.delete(id);
        record.end({ kind: 'cancelled' });
      });
    },
    take(metadata) {
      const arrival = waiting.get(String(metadata.get(marker)[0]));
      if (arrival === undefined) throw new Error('a call without arrival');
      return arrival;
    },
    now: () => clock.now(),
  };
}

/** grpc-js definition of a method whose messages stay bytes. */
export function definitionOf(method: SimMethod): MethodDefinition<Bytes, Bytes> {
  const same = (bytes: Buffer): Buffer => bytes;
  return {
    path: method.path,
    requestStream: method.clientStreams,
    responseStream: method.serverStreams,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
}

/** grpc-js handler that turns each call of the method into a `SimCall` and reports its end. */
export function implementationOf(
  method: SimMethod,
  book: ArrivalBook,
  serve: (call: SimCall) => Promise<void>,
): UntypedHandleCall {
  const handle = (call: AnyCall, callback?: sendUnaryData<Bytes>): void => {
    const arrival = book.take(call.metadata);
    const over = new AbortController();
    (call as EventEmitter).on('cancelled', () => {
      over.abort();
    });
    const single = { reply: undefined as Bytes | undefined };
    const simCall: SimCall = {
      path: method.path,
      metadata: arrival.metadata,
      roles: arrival.roles,
      signal: over.signal,
      read: readerOf(call, arrival.record, over.signal),
      send: message => {
        if (over.signal.aborted) return Promise.reject(cancelled());
        arrival.record.reply();
        const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
        // grpc-js gives unary handlers an object that could stream; only the method says what is right.
        if (method.serverStreams && 'write' in call) return unlessAborted(write(call, bytes), over.signal);
        single.reply = bytes;
        return Promise.resolve();
      },
    };
    const finish = (status: SimStatus | undefined): void => {
      arrival.record.end(endOf(call, over.signal, status, book.now()));
      const error = status === undefined ? null : errorOf(status);
      if (callback !== undefined) callback(error, single.reply ?? Buffer.alloc(0));
      else if (error !== null) call.emit('error', error);
      else (call as ServerWritableStream<Bytes, Bytes>).end();
      over.abort();
    };
    serve(simCall).then(
      () => {
        finish(undefined);
      },
      (thrown: unknown) => {
        finish(SimStatus.from(thrown));
      },
    );
  };
  return handle as UntypedHandleCall;
}

function readerOf(call: AnyCall, record: OpenRecord, signal: AbortSignal): () => Promise<Bytes | undefined> {
  if ('request' in call) {
    const queue: Bytes[] = [call.request];
    record.request(call.request);
    record.halfClose();
    return () => Promise.resolve(queue.shift());
  }
  return streamReader(call, record, signal);
}

/** Pulls one message at a time, so that a slow handler slows the client down. */
function streamReader(
  call: ServerReadableStream<Bytes, Bytes> | ServerDuplexStream<Bytes, Bytes>,
  record: OpenRecord,
  signal: AbortSignal,
): () => Promise<Bytes | undefined> {
  const queue: (Bytes | undefined)[] = [];
  let wake: () => void = () => undefined;
  let ended = false;
  call.on('data', (message: Bytes) => {
    record.request(message);
    queue.push(message);
    call.pause();
    wake();
  });
  call.on('end', () => {
    ended = true;
    record.halfClose();
    wake();
  });
  call.pause();
  return async () => {
    while (queue.length === 0 && !ended) {
      const next = new Promise<void>(resolve => {
        wake = resolve;
      });
      call.resume();
      await unlessAborted(next, signal);
    }
    return queue.shift();
  };
}

function write(call: ServerWritableStream<Bytes, Bytes> | ServerDuplexStream<Bytes, Bytes>, bytes: Buffer) {
  return new Promise<void>(resolve => {
    call.write(bytes, () => {
      resolve();
    });
  });
}

function endOf(call: AnyCall, signal: AbortSignal, status: SimStatus | undefined, now: number): RecordedEnd {
  if (!signal.aborted) return { kind: 'status', code: status?.code ?? 0, message: status?.message ?? '' };
  const deadline = call.getDeadline();
  if (typeof deadline === 'number' && deadline <= now) {
    return { kind: 'status', code: 4, message: 'Deadline exceeded' };
  }
  return { kind: 'cancelled' };
}

function errorOf(failure: SimStatus): ServerErrorResponse {
  const metadata = new Metadata();
  if (failure.details !== undefined) metadata.set('grpc-status-details-bin', failure.details);
  const code = statusCodes.find(known => known.valueOf() === failure.code) ?? GrpcStatus.UNKNOWN;
  return Object.assign(new Error(failure.message), { code, details: failure.message, metadata });
}

function pairsOf(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) pairs.push([raw[at] ?? '', raw[at + 1] ?? '']);
  return pairs;
}

function groupByName(pairs: readonly (readonly [string, string])[]): CallMetadata {
  const groups = new Map<string, string[]>();
  for (const [name, value] of pairs) {
    if (!name.startsWith(':')) groups.set(name, [...(groups.get(name) ?? []), value]);
  }
  return groups;
}
