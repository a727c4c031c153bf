// The wire form in which apid answers calls to several nodes (talos internal/app/apid/pkg/backend/apid.go). All methods
// have replies of one shape, `{ repeated X messages = 1 }` with `common.Metadata metadata = 1` in X, so that merging
// needs no knowledge of X: protobuf lets a field be appended to encoded bytes.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { GateError } from '../core/gate-error.ts';
import type { GrpcStatus } from '../core/grpc.ts';
import { MetadataSchema } from '../gen/common/common_pb.js';
import { type Status, StatusSchema } from '../gen/google/rpc/status_pb.js';

/** Says which node a part of the reply is from: the field `metadata` of X, ready to be appended to an encoded X. */
export function hostnameField(hostname: string): Buffer {
  return fieldOne(toBinary(MetadataSchema, create(MetadataSchema, { hostname })));
}

/**
 * Says why a node has no part in the reply: the field `metadata` of an otherwise empty X. Details that the node gave are
 * kept, as apid does.
 */
export function errorField(hostname: string, status: GrpcStatus): Buffer {
  const full = statusMessage(status);
  const error = `rpc error: code = ${goCodeName(full.code)} desc = ${full.message}`;
  return fieldOne(toBinary(MetadataSchema, create(MetadataSchema, { hostname, error, status: full })));
}

/** grpc-go takes the whole status from the details when they are of the same code (internal/status NewWithProto). */
function statusMessage({ code, message, details }: GrpcStatus): Status {
  const plain = create(StatusSchema, { code, message });
  if (details === undefined) return plain;
  try {
    const full = fromBinary(StatusSchema, details);
    return full.code === code ? full : plain;
  } catch {
    return plain;
  }
}

/** Length-delimited field number 1 around the bytes: an element of `messages`, or `metadata` in one. */
export function fieldOne(bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([0x0a]), varint(bytes.length), bytes]);
}

/**
 * One node's unary reply with its metadata appended to each element of `messages`. apid insists on exactly one; a reply
 * without any becomes an element that holds the metadata alone. Throws GateError `internal` on bytes that are no
 * protobuf message.
 */
export function labelReply(reply: Buffer, metadata: Buffer): Buffer {
  const parts: Buffer[] = [];
  let labelled = false;
  for (let at = 0; at < reply.length; ) {
    const field = readField(reply, at);
    if (field.value === undefined) {
      parts.push(reply.subarray(at, field.end));
    } else {
      parts.push(fieldOne(Buffer.concat([field.value, metadata])));
      labelled = true;
    }
    at = field.end;
  }
  if (!labelled) parts.push(fieldOne(metadata));
  return Buffer.concat(parts);
}

/** The field at an offset: where it ends and, for a length-delimited field number 1, what it holds. */
function readField(bytes: Buffer, start: number): { readonly end: number; readonly value: Buffer | undefined } {
  const tag = readVarint(bytes, start);
  const end = endOfValue(bytes, tag.end, tag.value & 7);
  if (end > bytes.length || tag.value < 8) throw notProtobuf();
  if (tag.value !== 0x0a) return { end, value: undefined };
  return { end, value: bytes.subarray(readVarint(bytes, tag.end).end, end) };
}

function endOfValue(bytes: Buffer, at: number, wireType: number): number {
  switch (wireType) {
    case 0:
      return readVarint(bytes, at).end;
    case 1:
      return at + 8;
    case 2: {
      const length = readVarint(bytes, at);
      return length.end + length.value;
    }
    case 5:
      return at + 4;
    default:
      throw notProtobuf();
  }
}

function readVarint(bytes: Buffer, start: number): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[start + i];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, end: start + i + 1 };
  }
  throw notProtobuf();
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left > 0x7f; left = Math.floor(left / 128)) bytes.push((left % 128) | 0x80);
  bytes.push(left);
  return Buffer.from(bytes);
}

function notProtobuf(): GateError {
  return new GateError('internal', 'the reply of the node is not a protobuf message');
}

/** How grpc-go writes the codes, from 0; talosctl prints this text. */
const goCodeNames = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
] as const;

function goCodeName(code: number): string {
  return goCodeNames[code] ?? `Code(${code})`;
}
