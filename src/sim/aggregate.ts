import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { grpcCodes } from '../core/grpc.ts';
import { type Metadata, MetadataSchema } from '../gen/common/common_pb.js';
import { type Status, StatusSchema } from '../gen/google/rpc/status_pb.js';
import type { SimStatus } from './sim-call.ts';

/** Names of the codes as Go prints them in `rpc error: code = ...`. */
const goNames: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(grpcCodes).map(([name, code]) => [code, name === 'CANCELLED' ? 'Canceled' : goName(name)]),
);

/** A reply of one node, marked with its name, ready to be joined with those of others (talos.md section 3). */
export function withHostname(reply: Uint8Array, hostname: string, streaming: boolean): Uint8Array {
  const mark = metadataField({ hostname });
  if (streaming) return Buffer.concat([reply, mark]);
  const element = Buffer.concat([firstElement(reply), mark]);
  return new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(element).finish();
}

/** What stands in the joined reply for a node that failed: metadata only. */
export function failureOf(hostname: string, failure: SimStatus, streaming: boolean): Uint8Array {
  const status = statusOf(failure);
  const error = `rpc error: code = ${goNames[status.code] ?? `Code(${status.code})`} desc = ${status.message}`;
  const mark = metadataField({ hostname, error, status });
  if (streaming) return mark;
  return new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(mark).finish();
}

/** grpc-go takes the whole status from its details when they are of the same code (internal/status NewWithProto). */
function statusOf({ code, message, details }: SimStatus): Status {
  const full = details === undefined ? undefined : fromBinary(StatusSchema, details);
  return full?.code === code ? full : create(StatusSchema, { code, message });
}

function metadataField(metadata: Partial<Omit<Metadata, '$typeName' | '$unknown'>>): Uint8Array {
  const bytes = toBinary(MetadataSchema, create(MetadataSchema, metadata));
  return new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(bytes).finish();
}

/** The only element of `messages`, field 1; empty when the reply has none. */
function firstElement(reply: Uint8Array): Uint8Array {
  if (reply.length === 0) return reply;
  const reader = new BinaryReader(reply);
  const [field, type] = reader.tag();
  if (field !== 1 || type !== WireType.LengthDelimited) throw new Error(`unexpected message format: ${field}`);
  return reader.bytes();
}

/** `PERMISSION_DENIED` to `PermissionDenied`; OK stays as it is. */
function goName(name: string): string {
  if (name === 'OK') return name;
  return name
    .split('_')
    .map(word => word.charAt(0) + word.slice(1).toLowerCase())
    .join('');
}
