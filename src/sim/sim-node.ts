import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { Clock } from '../core/clock.ts';
import { CallLog, type RecordedPeer } from './call-log.ts';
import type { SimNode } from './control.ts';
import { Faults } from './faults.ts';
import { handlers } from './handlers.ts';
import { simMethods } from './methods.ts';
import type { ClusterView, NodeState } from './node.ts';
import { createNodeState } from './node-state.ts';
import { createPower } from './power-cycle.ts';
import type { RawHeaderTap } from './raw-headers.ts';
import { assertRole } from './roles.ts';
import { type Hop, route } from './routing.ts';
import { createSimServer, type SimServer } from './server.ts';
import { completeSettings, type SimNodeSettings } from './settings.ts';
import { pause, type SimCall, SimStatus } from './sim-call.ts';

/** A node with its inside. */
export interface RunningNode extends Hop {
  readonly state: NodeState;
  readonly view: SimNode;
  start(): Promise<void>;
  close(): Promise<void>;
}

const rolesByPath = new Map(simMethods.map(method => [method.path, method.roles]));
/** What a node sees of the apid that passed a call on. */
const apidPeer: RecordedPeer = { commonName: 'apid', organizations: ['os:impersonator'], fingerprint: '' };

/** Makes a node that does not listen yet. `peers` are the running nodes of its cluster, itself included. */
export function createSimNode(o: {
  readonly settings: SimNodeSettings;
  readonly clock: Clock;
  readonly tap: RawHeaderTap;
  readonly peers: () => readonly RunningNode[];
  readonly shared: Omit<ClusterView, 'nodes'>;
}): RunningNode {
  const settings = completeSettings(o.settings);
  const log = new CallLog(o.clock);
  const faults = new Faults();
  const cluster = { ...o.shared, nodes: () => o.peers().map(peer => peer.state) };
  /** Aborts when the node goes away; another one for each time it runs. */
  let life = new AbortController();
  const goDown = async (): Promise<void> => {
    life.abort();
    await server.kill();
  };
  const comeUp = async (): Promise<void> => {
    if (server.listening) return;
    life = new AbortController();
    await server.start();
  };
  const leave = async (signal: AbortSignal): Promise<void> => {
    server.leave();
    const steps = 10;
    for (let left = steps; left > 0 && log.open > 0; left -= 1) await pause(settings.timing.grace / steps, signal);
    await goDown();
  };
  const power = createPower({ state: () => state, goDown: leave, comeUp });
  const state: NodeState = createNodeState({
    ...{ settings, clock: o.clock, cluster, power },
    up: () => server.listening,
  });

  const serveLocally = async (call: SimCall): Promise<void> => {
    const handle = handlers.get(call.path);
    const roles = rolesByPath.get(call.path);
    if (handle === undefined || roles === undefined)
      throw new SimStatus('UNIMPLEMENTED', `unknown method ${call.path}`);
    assertRole(roles(state.machine.talosVersion), call.roles);
    await faults.apply(call.path, call.signal);
    await handle(state, call);
  };
  let certificate: X509Certificate | undefined;
  const node: RunningNode = {
    state,
    answersTo: target => target === settings.name || target === settings.address,
    presents: target => {
      certificate ??= new X509Certificate(settings.tls.certificate);
      return (isIP(target) === 0 ? certificate.checkHost(target) : certificate.checkIP(target)) !== undefined;
    },
    async accept(call) {
      if (!server.listening) throw unreachable(settings.address);
      await serveForwarded(call, log, life.signal, serveLocally);
    },
    get view() {
      return view;
    },
    start: comeUp,
    async close() {
      power.cancel();
      await goDown();
    },
  };
  const router = { self: node, forwards: settings.role === 'controlplane', peers: o.peers, serveLocally };
  const server: SimServer = createSimServer({
    listen: settings.listen,
    tls: settings.tls,
    clock: o.clock,
    tap: o.tap,
    log,
    serve: call => route(router, call),
  });
  const start = async (): Promise<void> => {
    power.cancel();
    if (server.listening) return;
    state.boot();
    state.setStage('running', true);
    await comeUp();
  };
  const kill = async (): Promise<void> => {
    power.cancel();
    await goDown();
  };
  const view: SimNode = {
    name: settings.name,
    get dial() {
      return server.dial;
    },
    control: {
      failNext: (path, fault) => {
        faults.failNext(path, fault);
      },
      delayNext: (path, milliseconds) => {
        faults.delayNext(path, milliseconds);
      },
      kill,
      start,
      async restart() {
        await kill();
        await start();
      },
      calls: () => log.calls,
      clearCalls: () => {
        log.clear();
      },
      openStreams: () => log.open,
      pings: () => log.pings,
      bootId: () => state.machine.bootId,
      machineConfig: () => state.config.active.text,
      up: () => server.listening,
    },
  };
  return node;
}

/** Records and serves a call that came through another node; it fails with UNAVAILABLE when this node dies meanwhile. */
async function serveForwarded(
  call: SimCall,
  log: CallLog,
  life: AbortSignal,
  serve: (call: SimCall) => Promise<void>,
): Promise<void> {
  const headers = [...call.metadata].flatMap(([name, values]) => values.map(value => [name, value] as const));
  const record = log.start({
    path: call.path,
    headers: [[':path', call.path], ...headers],
    metadata: call.metadata,
    peer: apidPeer,
    roles: [...call.roles],
  });
  const hop: SimCall = {
    ...call,
    signal: AbortSignal.any([call.signal, life]),
    async read() {
      const message = await call.read();
      if (message === undefined) record.halfClose();
      else record.request(message);
      return message;
    },
    send(message) {
      record.reply();
      return call.send(message);
    },
  };
  try {
    await serve(hop);
    record.end({ kind: 'status', code: 0, message: '' });
  } catch (error) {
    const status = life.aborted
      ? new SimStatus('UNAVAILABLE', 'error reading from server: EOF')
      : SimStatus.from(error);
    record.end(
      call.signal.aborted ? { kind: 'cancelled' } : { kind: 'status', code: status.code, message: status.message },
    );
    throw status;
  }
}

function unreachable(address: string): SimStatus {
  return new SimStatus(
    'UNAVAILABLE',
    `connection error: desc = "transport: Error while dialing: dial tcp ${address}:50000: connect: connection refused"`,
  );
}
