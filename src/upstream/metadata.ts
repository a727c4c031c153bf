// Metadata for nodes is built here from nothing, never copied from a caller: apid honours `talos-role`, `proxyfrom`,
// `node` and `nodes`, and writes what it gets into its log.
import { sensitiveHeaders } from 'node:http2';

/** A complete header block for a node as a raw list: name, value, name, value. Made only by `upstreamHeaders`. */
export type UpstreamHeaders = readonly string[];

export interface UpstreamCall {
  readonly path: string;
  /** `:authority`; any value does for apid. */
  readonly authority: string;
  readonly callId: string;
  /** Talos roles that the node shall assume; an empty list makes the node refuse everything. */
  readonly roles: readonly string[];
  /** Milliseconds left, undefined for no deadline. */
  readonly timeoutMs?: number | undefined;
  /** Encoding of the request messages that follow the first one, when they are passed raw. */
  readonly encoding?: string | undefined;
  /** Encodings that the reply may use: what the caller accepts, or nothing when replies are inspected or merged. */
  readonly acceptEncoding?: readonly string[] | undefined;
}

const callIdHeader = 'x-talosgate-call-id';

/** Never seen twice, so it must not push everything else out of the header compression tables of both ends. */
const neverIndexed = [callIdHeader];

const userAgent = 'talosgate/0.1.0';

/**
 * Builds the header block of an upstream call from nothing. Several roles become several header fields: a list joined
 * by commas would be one unknown role.
 */
export function upstreamHeaders(call: UpstreamCall): UpstreamHeaders {
  const fields = [
    ':method',
    'POST',
    ':scheme',
    'https',
    ':authority',
    call.authority,
    ':path',
    call.path,
    'content-type',
    'application/grpc',
    'te',
    'trailers',
    'user-agent',
    userAgent,
    callIdHeader,
    call.callId,
  ];
  for (const role of call.roles) fields.push('talos-role', role);
  if (call.timeoutMs !== undefined) fields.push('grpc-timeout', formatGrpcTimeout(call.timeoutMs));
  if (call.encoding === 'gzip') fields.push('grpc-encoding', 'gzip');
  if (call.acceptEncoding?.includes('gzip') === true) fields.push('grpc-accept-encoding', 'identity,gzip');
  return Object.assign(fields, { [sensitiveHeaders]: neverIndexed });
}

/** The same for a control-plane node that shall pass the call on to `node`, as apid does (talos.md 1). */
export function passedOn(headers: UpstreamHeaders, node: string): UpstreamHeaders {
  return Object.assign([...headers, 'node', node], { [sensitiveHeaders]: neverIndexed });
}

/** PROTOCOL-HTTP2.md "Timeout": at most eight digits, so larger values move to coarser units, rounded up. */
function formatGrpcTimeout(milliseconds: number): string {
  const ms = Math.max(1, Math.ceil(milliseconds));
  if (ms < 1e8) return `${ms}m`;
  if (ms < 1e11) return `${Math.ceil(ms / 1000)}S`;
  return `${Math.min(99_999_999, Math.ceil(ms / 3_600_000))}H`;
}
