import {
  NetstatRequest_Filter as Filter,
  MachineService,
  type NetstatRequest,
  ConnectRecord_State as State,
} from '../../gen/machine/machine_pb.js';
import { unary } from '../handler.ts';
import type { NodeState } from '../node.ts';

interface Socket {
  readonly protocol: string;
  readonly local: readonly [address: string, port: number];
  readonly remote?: readonly [address: string, port: number];
  readonly process: readonly [pid: number, name: string];
}

/** `talosctl netstat`. */
export const netstatHandlers = [
  unary(MachineService.method.netstat, (node, request) => ({
    messages: [
      {
        connectrecord: socketsOf(node)
          .filter(socket => isWanted(socket, request))
          .map(describe(request)),
      },
    ],
  })),
];

function socketsOf(node: NodeState): Socket[] {
  const { address, role } = node.settings;
  const everywhere: Socket[] = [
    { protocol: 'tcp6', local: ['::', 50000], process: [1800, 'apid'] },
    { protocol: 'tcp6', local: ['::', 10250], process: [2101, 'kubelet'] },
    { protocol: 'tcp', local: ['127.0.0.1', 10248], process: [2101, 'kubelet'] },
    { protocol: 'udp', local: ['127.0.0.53', 53], process: [1, 'init'] },
    { protocol: 'tcp', local: [address, 41234], remote: ['1.1.1.1', 443], process: [1, 'init'] },
  ];
  const controlPlane: Socket[] = [
    { protocol: 'tcp', local: [address, 2379], process: [2300, 'etcd'] },
    { protocol: 'tcp', local: [address, 2380], process: [2300, 'etcd'] },
    { protocol: 'tcp6', local: ['::', 6443], process: [2400, 'kube-apiserver'] },
    { protocol: 'tcp6', local: ['::', 50001], process: [1841, 'trustd'] },
  ];
  return role === 'controlplane' ? [...everywhere, ...controlPlane] : everywhere;
}

function isWanted(socket: Socket, request: NetstatRequest): boolean {
  const protocols = request.l4proto as unknown as Readonly<Record<string, unknown>> | undefined;
  if (protocols?.[socket.protocol] !== true) return false;
  if (request.filter === Filter.CONNECTED) return socket.remote !== undefined;
  return request.filter === Filter.ALL || socket.remote === undefined;
}

function describe(request: NetstatRequest) {
  return ({ protocol, local, remote, process }: Socket) => ({
    ...{ l4proto: protocol, localip: local[0], localport: local[1] },
    remoteip: remote?.[0] ?? (protocol.endsWith('6') ? '::' : '0.0.0.0'),
    remoteport: remote?.[1] ?? 0,
    state: protocol.startsWith('udp') ? State.CLOSE : remote === undefined ? State.LISTEN : State.ESTABLISHED,
    ...(request.feature?.pid === true ? { process: { pid: process[0], name: process[1] } } : {}),
  });
}
