import type { NodeSettings } from '../../settings.ts';
import { type Item, kind } from './item.ts';

const family = { numbers: { inet4: 2, inet6: 10 } } as const;
const scope = { numbers: { global: 0, link: 253, host: 254 } } as const;

const hostname = kind('HostnameStatuses.net.talos.dev', 'network.HostnameSpecController', {
  hostname: [1, 'string'],
  domainname: [2, 'string'],
});
const networkStatus = kind('NetworkStatuses.net.talos.dev', 'network.StatusController', {
  addressReady: [1, 'bool'],
  connectivityReady: [2, 'bool'],
  hostnameReady: [3, 'bool'],
  etcFilesReady: [4, 'bool'],
});
const nodeAddress = kind('NodeAddresses.net.talos.dev', 'network.NodeAddressController', {
  addresses: [1, 'prefixes'],
  sortAlgorithm: [2, { numbers: { v1: 0, v2: 1 } }],
});
const resolvers = kind('ResolverStatuses.net.talos.dev', 'network.ResolverSpecController', {
  dnsServers: [1, 'addresses'],
  searchDomains: [2, 'strings'],
});
const timeServers = kind('TimeServerStatuses.net.talos.dev', 'network.TimeServerSpecController', {
  timeServers: [1, 'strings'],
  useNTS: [2, 'bool'],
});
const address = kind('AddressStatuses.net.talos.dev', 'network.AddressStatusController', {
  address: [1, 'prefix'],
  local: [2, 'address'],
  linkIndex: [6, 'int'],
  linkName: [7, 'string'],
  family: [8, family],
  scope: [9, scope],
  flags: [10, { numbers: { permanent: 128 } }],
});
const linkUp = 'UP,BROADCAST,RUNNING,MULTICAST,LOWER_UP';
const link = kind('LinkStatuses.net.talos.dev', 'network.LinkStatusController', {
  index: [1, 'int'],
  type: [2, { numbers: { ether: 1, loopback: 772 } }],
  linkIndex: [3, 'int'],
  flags: [4, { numbers: { [linkUp]: 69699, 'UP,LOOPBACK,RUNNING,LOWER_UP': 65609 } }],
  hardwareAddr: [5, 'hardware-address'],
  permanentAddr: [30, 'hardware-address'],
  mtu: [7, 'int'],
  queueDisc: [8, 'string'],
  operationalState: [10, { numbers: { unknown: 0, up: 6 } }],
  kind: [11, 'string'],
  slaveKind: [12, 'string'],
  driver: [15, 'string'],
  linkState: [22, 'bool'],
  speedMbit: [23, 'int'],
  port: [24, { numbers: { Other: 255 } }],
  duplex: [25, { numbers: { Unknown: 255 } }],
});
const route = kind('RouteStatuses.net.talos.dev', 'network.RouteStatusController', {
  family: [1, family],
  dst: [2, 'prefix'],
  src: [3, 'address'],
  gateway: [4, 'address'],
  outLinkIndex: [5, 'int'],
  outLinkName: [6, 'string'],
  table: [7, { numbers: { main: 254 } }],
  priority: [8, 'int'],
  scope: [9, scope],
  type: [10, { numbers: { unicast: 1 } }],
  protocol: [12, { numbers: { kernel: 2, static: 4 } }],
});

/** Names, addresses, links and routes of a node with one network card. */
export function networkItems({ name, address: own, cluster }: NodeSettings): readonly Item[] {
  const gateway = own.replace(/\.\d+$/, '.1');
  const subnet = own.replace(/\.\d+$/, '.0/24');
  const mac = `02:42:${own
    .split('.')
    .map(part => Number(part).toString(16).padStart(2, '0'))
    .join(':')}`;
  const inet4 = { family: 'inet4', scope: 'global', flags: 'permanent' };
  const onMain = { family: 'inet4', table: 'main', type: 'unicast', flags: '' };
  return [
    hostname('hostname', { hostname: name, domainname: `${cluster}.example` }),
    networkStatus('status', {
      addressReady: true,
      connectivityReady: true,
      hostnameReady: true,
      etcFilesReady: true,
    }),
    ...['accumulative', 'current', 'default', 'routed'].map(id =>
      nodeAddress(id, { addresses: [`${own}/24`], sortAlgorithm: 'v1' }),
    ),
    resolvers('resolvers', { dnsServers: [gateway, '1.1.1.1'], searchDomains: [`${cluster}.example`] }),
    timeServers('timeservers', { timeServers: ['time.cloudflare.com'], useNTS: false }),
    address(`eth0/${own}/24`, { address: `${own}/24`, local: own, linkIndex: 2, linkName: 'eth0', ...inet4 }),
    address('lo/127.0.0.1/8', {
      ...{ address: '127.0.0.1/8', local: '127.0.0.1', linkIndex: 1, linkName: 'lo' },
      ...{ family: 'inet4', scope: 'host', flags: 'permanent' },
    }),
    link('eth0', {
      ...{ index: 2, type: 'ether', linkIndex: 0, flags: linkUp, hardwareAddr: mac, permanentAddr: mac, mtu: 1500 },
      ...{ queueDisc: 'mq', operationalState: 'up', kind: '', slaveKind: '', driver: 'virtio_net', linkState: true },
      ...{ speedMbit: 4294967295, port: 'Other', duplex: 'Unknown' },
    }),
    link('lo', {
      ...{ index: 1, type: 'loopback', linkIndex: 0, flags: 'UP,LOOPBACK,RUNNING,LOWER_UP', mtu: 65536 },
      ...{ queueDisc: 'noqueue', operationalState: 'unknown', kind: '', slaveKind: '', linkState: true },
      ...{ port: 'Other', duplex: 'Unknown' },
    }),
    route(`inet4/${gateway}//1024`, {
      ...{ family: 'inet4', dst: '', src: '', gateway, outLinkIndex: 2, outLinkName: 'eth0', table: 'main' },
      ...{ priority: 1024, scope: 'global', type: 'unicast', flags: '', protocol: 'static' },
    }),
    route(`inet4//${subnet}/0`, {
      ...onMain,
      ...{ dst: subnet, src: own, gateway: '', outLinkIndex: 2, outLinkName: 'eth0', priority: 0 },
      ...{ scope: 'link', protocol: 'kernel' },
    }),
  ];
}
