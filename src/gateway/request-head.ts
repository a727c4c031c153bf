// Reads the raw header list only. Node's header object must never be used here: it joins repeated fields with commas
// and silently keeps the first `authorization` (node:http2 toHeaderObject), so two values would pass as one.
import { GateError } from '../core/gate-error.ts';
import type { ParsedHead } from '../core/request-head.ts';

/**
 * Reads the raw header list of a `stream` event: name, value, name, value. A key that we read and that may stand only
 * once is refused when it is repeated or joined by a comma. Everything else a client sends is ignored.
 */
export function parseRequestHead(rawHeaders: readonly string[]): ParsedHead {
  const seen = new Seen();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    // HTTP/2 allows lower case only; lowering again costs nothing and keeps this right for any source of headers.
    note(seen, (rawHeaders[i] ?? '').toLowerCase(), rawHeaders[i + 1] ?? '');
  }
  const timeoutMs = parseGrpcTimeout(seen['grpc-timeout']);
  if (timeoutMs === 'malformed') seen.problem ??= 'header grpc-timeout is not a number of up to 8 digits and a unit';
  if (seen.context !== undefined && seen.cluster !== undefined && seen.context !== seen.cluster) {
    seen.problem ??= 'headers context and cluster name different clusters';
  }
  const path = seen[':path'] ?? '';
  const userAgent = seen['user-agent'];
  if (seen.problem !== undefined || timeoutMs === 'malformed') {
    return { ok: false, path, userAgent, error: new GateError('bad-request', seen.problem ?? 'malformed headers') };
  }
  return {
    ok: true,
    path,
    userAgent,
    timeoutMs,
    encoding: seen['grpc-encoding'] === 'identity' ? undefined : seen['grpc-encoding'],
    acceptEncoding: seen.acceptEncoding,
    node: seen.node,
    nodes: seen.nodes,
    context: seen.context ?? seen.cluster,
    authorization: seen.authorization,
    forbidden: seen.forbidden,
  };
}

const none: readonly string[] = Object.freeze([]);

/** What was found so far. Every call makes one, so its fields are laid out once and lists are made when needed. */
class Seen {
  ':path': string | undefined = undefined;
  'content-type': string | undefined = undefined;
  'user-agent': string | undefined = undefined;
  'grpc-timeout': string | undefined = undefined;
  'grpc-encoding': string | undefined = undefined;
  node: string | undefined = undefined;
  context: string | undefined = undefined;
  cluster: string | undefined = undefined;
  authorization: string | undefined = undefined;
  nodes: readonly string[] = none;
  acceptEncoding: readonly string[] = none;
  forbidden: readonly string[] = none;
  problem: string | undefined = undefined;
}

type Single = Exclude<keyof Seen, 'nodes' | 'acceptEncoding' | 'forbidden' | 'problem'>;

function note(seen: Seen, name: string, value: string): void {
  switch (name) {
    case ':path':
    case 'content-type':
    case 'user-agent':
    case 'grpc-timeout':
      single(seen, name, value);
      break;
    case 'grpc-encoding':
    case 'node':
    case 'context':
    case 'cluster':
    case 'authorization':
      exact(seen, name, value);
      single(seen, name, value);
      break;
    case 'nodes':
      exact(seen, name, value);
      seen.nodes = [...seen.nodes, value];
      break;
    case 'grpc-accept-encoding':
      seen.acceptEncoding = [...seen.acceptEncoding, ...value.split(',').map(encoding => encoding.trim())];
      break;
    case 'talos-role':
    case 'proxyfrom':
      if (!seen.forbidden.includes(name)) seen.forbidden = [...seen.forbidden, name];
      break;
    default:
  }
}

function single(seen: Seen, name: Single, value: string): void {
  if (seen[name] !== undefined) seen.problem ??= `header ${name} is repeated, it may stand only once`;
  else seen[name] = value;
}

/** Values that name something must be one value and not empty: a proxy on the way may have joined two with a comma. */
function exact(seen: Seen, name: string, value: string): void {
  if (value === '') seen.problem ??= `header ${name} is empty`;
  if (/^[ \t]|[ \t]$/.test(value)) seen.problem ??= `header ${name} begins or ends with a blank, leave it out`;
  if (value.includes(',')) {
    seen.problem ??=
      name === 'nodes'
        ? 'a nodes header holds a comma; send one nodes header for each node'
        : `header ${name} holds a comma, it may name only one thing`;
  }
}

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** PROTOCOL-HTTP2.md "Timeout": up to eight digits and a unit. Rounded up to whole milliseconds. */
function parseGrpcTimeout(value: string | undefined): number | 'malformed' | undefined {
  if (value === undefined) return undefined;
  const unit = unitMs[value.slice(-1)];
  if (unit === undefined || !/^[0-9]{1,8}$/.test(value.slice(0, -1))) return 'malformed';
  return Math.ceil(Number(value.slice(0, -1)) * unit);
}
