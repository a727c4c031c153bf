import { failureOf, withHostname } from './aggregate.ts';
import { simMethods } from './methods.ts';
import { type CallMetadata, type SimCall, SimStatus } from './sim-call.ts';

/** A node as others in its cluster see it. */
export interface Hop {
  /** True when the string is the node's name or one of its addresses. */
  answersTo(target: string): boolean;
  /** True when the node's server certificate carries this name or address. */
  presents(target: string): boolean;
  /** Serves a call that another node passed on. Rejects with UNAVAILABLE while the node is away. */
  accept(call: SimCall): Promise<void>;
}

export interface Router {
  readonly self: Hop;
  /** Only control-plane nodes pass calls on (talos.md 2.2). */
  readonly forwards: boolean;
  /** All nodes of the cluster, this one included. */
  readonly peers: () => readonly Hop[];
  readonly serveLocally: (call: SimCall) => Promise<void>;
}

const aggregating = [
  '/machine.MachineService/',
  '/cluster.ClusterService/',
  '/inspect.InspectService/',
  '/storage.StorageService/',
  '/time.TimeService/',
];
const streaming = new Set(simMethods.filter(method => method.serverStreams).map(method => method.path));

/** Does with `node`, `nodes` and `proxyfrom` what apid does (talos internal/app/apid/pkg/director). */
export async function route(router: Router, call: SimCall): Promise<void> {
  if (call.metadata.has('proxyfrom')) return router.serveLocally(call);
  const node = call.metadata.get('node');
  const nodes = call.metadata.get('nodes');
  if (node !== undefined && node.length !== 1) {
    throw new SimStatus('INVALID_ARGUMENT', 'node metadata must be single-valued');
  }
  if (nodes !== undefined) {
    if (!router.forwards && nodes.length === 1 && router.self.answersTo(nodes[0] ?? ''))
      return router.serveLocally(call);
    return aggregate(router, call, nodes);
  }
  const target = node?.[0];
  if (target === undefined) return router.serveLocally(call);
  if (!router.forwards) {
    if (router.self.answersTo(target)) return router.serveLocally(call);
    throw new SimStatus('PERMISSION_DENIED', 'no request forwarding');
  }
  assertTarget(target);
  return forward(router, call, target);
}

async function aggregate(router: Router, call: SimCall, targets: readonly string[]): Promise<void> {
  if (!aggregating.some(prefix => call.path.startsWith(prefix))) {
    throw new SimStatus('INVALID_ARGUMENT', `one-2-many proxying is not supported for method ${call.path}`);
  }
  if (!router.forwards) throw new SimStatus('PERMISSION_DENIED', 'no request forwarding');
  targets.forEach(assertTarget);
  const streams = streaming.has(call.path);
  const replies: Uint8Array[] = [];
  const collect = async (message: Uint8Array): Promise<void> => {
    if (streams) await call.send(message);
    else replies.push(message);
  };
  const readers = tee(() => call.read(), targets.length);
  await Promise.all(
    targets.map(async (target, index) => {
      const send = (message: Uint8Array): Promise<void> => collect(withHostname(message, target, streams));
      const read = readers[index] ?? (() => Promise.resolve(undefined));
      try {
        await forward(router, { ...call, read, send }, target);
      } catch (error) {
        if (call.signal.aborted) throw error;
        await collect(failureOf(target, SimStatus.from(error), streams));
      }
    }),
  );
  if (!streams) await call.send(Buffer.concat(replies));
}

function forward(router: Router, call: SimCall, target: string): Promise<void> {
  const hop = router.peers().find(peer => peer.answersTo(target));
  if (hop === undefined) {
    throw new SimStatus('UNAVAILABLE', `name resolver error: produced zero addresses for ${target}`);
  }
  // apid checks the node that it dials against the very string that it was given.
  if (!hop.presents(target)) {
    const why = `tls: failed to verify certificate: x509: certificate is not valid for ${target}`;
    throw new SimStatus('UNAVAILABLE', `connection error: desc = "transport: authentication handshake failed: ${why}"`);
  }
  return hop.accept({ ...call, metadata: hopMetadata(call) });
}

/** Metadata of the second hop: routing keys gone, origin and roles stated. */
function hopMetadata(call: SimCall): CallMetadata {
  const metadata = new Map(call.metadata);
  metadata.delete('node');
  metadata.delete('nodes');
  metadata.set('proxyfrom', ['unknown']);
  metadata.set('talos-role', [...call.roles].sort());
  return metadata;
}

function assertTarget(target: string): void {
  if (target === '' || /^(\[.*\]|[^:]*):\d+$/.test(target)) {
    throw new SimStatus('INTERNAL', `invalid target ${JSON.stringify(target)}`);
  }
}

/** Lets several readers read the same messages, each at its own speed. */
function tee(read: () => Promise<Buffer | undefined>, count: number): (() => Promise<Buffer | undefined>)[] {
  const seen: Promise<Buffer | undefined>[] = [];
  return Array.from({ length: count }, () => {
    let next = 0;
    return () => {
      const at = next;
      next += 1;
      return (seen[at] ??= read());
    };
  });
}
