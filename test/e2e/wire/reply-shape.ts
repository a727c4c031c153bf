import { fromBinary } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { type Metadata, MetadataSchema } from '../../../src/gen/common/common_pb.js';
import { field } from '../../support/h2-client.ts';
import type { Exchange } from './talosctl.ts';

/** Everything about a reply that a caller can tell apart, in a form that compares. */
export interface ReplyShape {
  readonly httpStatus: number | undefined;
  readonly contentType: string | undefined;
  readonly encoding: string;
  /** All other header fields, sorted. */
  readonly headers: readonly string[];
  /** All trailers but those of the status, sorted. */
  readonly trailers: readonly string[];
  /** Where the status stands: `headers` is a reply without a body. */
  readonly statusIn: 'headers' | 'trailers' | 'nowhere';
  readonly code: number | undefined;
  readonly message: string;
  /** The message as it stands on the wire, percent-encoded. */
  readonly rawMessage: string;
  readonly detailsBin: string | undefined;
  /** Messages, hex. Of several nodes: by node, for the order in which nodes answer is nobody's promise. */
  readonly messages: readonly string[];
  /** Nodes that failed inside a reply, with the code. */
  readonly failures: readonly string[];
  /** The same with the words. */
  readonly failureTexts: readonly string[];
  readonly reset: number;
}

const ofStatus = new Set(['grpc-status', 'grpc-message', 'grpc-status-details-bin']);
/** `date` is a clock: two calls may have two values. */
const apart = new Set([...ofStatus, ':status', 'content-type', 'grpc-encoding', 'date']);

/** `merged`: the reply may be that of several nodes; `streams`: their messages come one by one. */
export function shapeOf(reply: Exchange, merged: boolean, streams: boolean): ReplyShape {
  const carrier = reply.trailers.length > 0 ? reply.trailers : reply.headers;
  const parts = merged ? partsOf(reply.messages, streams) : reply.messages.map(bytes => ({ bytes }));
  const failed = parts.flatMap(part => ('metadata' in part && part.failed ? [part.metadata] : []));
  return {
    httpStatus: reply.httpStatus,
    contentType: field(reply.headers, 'content-type'),
    // Absent means identity (PROTOCOL-HTTP2.md, "Message-Encoding").
    encoding: field(reply.headers, 'grpc-encoding') ?? 'identity',
    headers: pairs(reply.headers, apart),
    trailers: pairs(reply.trailers, ofStatus),
    statusIn:
      field(carrier, 'grpc-status') === undefined ? 'nowhere' : reply.trailers.length > 0 ? 'trailers' : 'headers',
    code: reply.code,
    message: reply.message,
    rawMessage: field(carrier, 'grpc-message') ?? '',
    detailsBin: field(carrier, 'grpc-status-details-bin'),
    messages: parts.filter(part => !('failed' in part) || !part.failed).map(part => part.bytes.toString('hex')),
    failures: failed.map(({ hostname, status }) => `${hostname} ${status?.code ?? 'no status'}`),
    failureTexts: failed.map(({ error, status }) => `${error} | ${status?.message ?? ''} | ${detailsOf(status)}`),
    reset: reply.left ? 0 : reply.reset,
  };
}

/** Names of what differs, with both sides. */
export function differences(direct: ReplyShape, through: ReplyShape): { field: keyof ReplyShape; text: string }[] {
  return (Object.keys(direct) as (keyof ReplyShape)[]).flatMap(name => {
    const [one, other] = [JSON.stringify(direct[name]), JSON.stringify(through[name])];
    return one === other ? [] : [{ field: name, text: `${name}: ${short(one)} directly, ${short(other)} through` }];
  });
}

interface Part {
  readonly bytes: Buffer;
  readonly metadata: Metadata;
  /** Holds metadata with an error and nothing else. */
  readonly failed: boolean;
}

/** What the nodes said, sorted by node. A unary reply is cut into its elements. */
function partsOf(messages: readonly Buffer[], streams: boolean): Part[] {
  const pieces = streams ? messages : messages.flatMap(message => lengthDelimited(message).map(({ value }) => value));
  return pieces.map(readPart).sort((a, b) => (a.metadata.hostname < b.metadata.hostname ? -1 : 1));
}

/** The metadata is the last field number 1: apid appends it. */
function readPart(bytes: Buffer): Part {
  const fields = lengthDelimited(bytes);
  const last = fields.at(-1);
  const metadata = fromBinary(MetadataSchema, last?.value ?? Buffer.of());
  return { bytes, metadata, failed: metadata.error !== '' && last?.whole === bytes.length };
}

/** Fields with number 1, and how many bytes each takes. */
function lengthDelimited(bytes: Buffer): { readonly value: Buffer; readonly whole: number }[] {
  const reader = new BinaryReader(bytes);
  const found: { value: Buffer; whole: number }[] = [];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [number, type] = reader.tag();
    if (number === 1 && type === WireType.LengthDelimited) {
      found.push({ value: Buffer.from(reader.bytes()), whole: reader.pos - start });
    } else reader.skip(type, number);
  }
  return found;
}

function detailsOf(status: Metadata['status']): string {
  return (status?.details ?? []).map(({ typeUrl, value }) => `${typeUrl}=${Buffer.from(value).toString('hex')}`).join();
}

function pairs(raw: readonly string[], without: ReadonlySet<string>): string[] {
  const out: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? '';
    if (!without.has(name)) out.push(`${name}: ${raw[at + 1] ?? ''}`);
  }
  return out.sort();
}

function short(text: string | undefined): string {
  const whole = text ?? 'nothing';
  return whole.length > 600 ? `${whole.slice(0, 600)}… (${whole.length} characters)` : whole;
}
