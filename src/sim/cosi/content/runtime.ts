import type { NodeState } from '../../node.ts';
import { serviceNames } from '../../services-data.ts';
import { type Item, kind } from './item.ts';

const machineStatus = kind('MachineStatuses.runtime.talos.dev', 'runtime.MachineStatusController', {
  stage: [1, { numbers: { booting: 1, running: 4, rebooting: 5, 'shutting down': 6, resetting: 7, upgrading: 8 } }],
  status: [
    2,
    {
      message: {
        ready: [1, 'bool'],
        unmetConditions: [2, { messages: { name: [1, 'string'], reason: [2, 'string'] } }],
      },
    },
  ],
});
const securityState = kind('SecurityStates.talos.dev', 'runtime.SecurityStateController', {
  secureBoot: [1, 'bool'],
  selinuxState: [4, { numbers: { disabled: 0, 'enabled, permissive': 1 } }],
  fipsState: [6, { numbers: { disabled: 0 } }],
  bootedWithUKI: [5, 'bool'],
  moduleSignatureEnforced: [7, 'bool'],
});
const version = kind('Versions.runtime.talos.dev', 'runtime.VersionController', {
  name: [2, 'string'],
  version: [1, 'string'],
});
const metaKey = kind('MetaKeys.runtime.talos.dev', '', { value: [1, 'string'] });
const service = kind('Services.v1alpha1.talos.dev', 'v1alpha1.ServiceController', {
  running: [1, 'bool'],
  healthy: [2, 'bool'],
  unknown: [3, 'bool'],
});
const timeStatus = kind('TimeStatuses.v1alpha1.talos.dev', 'time.SyncController', {
  synced: [1, 'bool'],
  epoch: [2, 'int'],
  syncDisabled: [3, 'bool'],
});
const extension = kind('ExtensionStatuses.runtime.talos.dev', 'runtime.ExtensionStatusController', {
  image: [1, 'string'],
  metadata: [
    2,
    { message: { name: [1, 'string'], version: [2, 'string'], author: [3, 'string'], description: [4, 'string'] } },
  ],
});
const kernelParameter = kind('KernelParamStatuses.runtime.talos.dev', 'runtime.KernelParamSpecController', {
  current: [1, 'string'],
  default: [2, 'string'],
  unsupported: [3, 'bool'],
});
const platform = kind('PlatformMetadatas.talos.dev', 'network.PlatformConfigController', {
  platform: [1, 'string'],
  hostname: [2, 'string'],
});
const mount = kind('MountStatuses.runtime.talos.dev', 'runtime.MountStatusController', {
  source: [1, 'string'],
  target: [2, 'string'],
  filesystemType: [3, 'string'],
  options: [4, 'strings'],
  encrypted: [5, 'bool'],
});

/** The machine: stage, versions, services, META values. */
export function runtimeItems(node: NodeState): readonly Item[] {
  const { machine } = node;
  const unmetConditions = machine.ready ? [] : [{ name: 'services', reason: 'service "kubelet" not running' }];
  return [
    machineStatus('machine', { stage: machine.stage, status: { ready: machine.ready, unmetConditions } }),
    securityState('securitystate', {
      ...{ secureBoot: false, selinuxState: 'enabled, permissive', fipsState: 'disabled' },
      ...{ bootedWithUKI: false, moduleSignatureEnforced: true },
    }),
    version('version', { name: 'Talos', version: machine.talosVersion }),
    ...[...node.meta].map(([key, value]) =>
      metaKey(`0x${key.toString(16).padStart(2, '0')}`, { value: Buffer.from(value).toString('utf8') }),
    ),
    ...serviceNames(node.settings).map(id => service(id, node.services.resourceOf(id))),
    timeStatus('node', { synced: true, epoch: 1, syncDisabled: false }),
    extension('0', {
      image: '000.ghcr.io-siderolabs-modules.sqsh',
      metadata: {
        ...{ name: 'modules.dep', version: '6.18.44-talos', author: 'Talos Machinery' },
        ...{ description: 'Combined modules.dep for all extensions.', compatibility: { talos: { version: '' } } },
      },
    }),
    kernelParameter('proc.sys.net.ipv4.ip_forward', { current: '1', default: '0', unsupported: false }),
    kernelParameter('proc.sys.kernel.pid_max', { current: '262144', default: '32768', unsupported: false }),
    platform('platformmetadata', { platform: 'metal', hostname: node.settings.name }),
    mount('EPHEMERAL', {
      ...{ source: '/dev/vda6', target: '/var', filesystemType: 'xfs' },
      ...{ options: ['rw', 'seclabel', 'nodev', 'nosuid', 'prjquota'], encrypted: false },
    }),
    mount('STATE', {
      ...{ source: '/dev/vda5', target: '/system/state', filesystemType: 'xfs' },
      ...{ options: ['rw', 'seclabel', 'noatime'], encrypted: false },
    }),
    ...configItems(node),
  ];
}

/** The machine configuration as the API shows it: one YAML text inside the spec. */
function configItems(node: NodeState): Item[] {
  const owner = 'config.AcquireController';
  const type = 'MachineConfigs.config.talos.dev';
  return [
    textItem(type, 'v1alpha1', owner, node.config.active.text),
    textItem(type, 'persistent', 'config.PersistenceController', node.config.persisted.text),
    {
      type: 'MachineTypes.config.talos.dev',
      id: 'machine-type',
      owner: 'config.MachineTypeController',
      shape: { value: [1, { numbers: { controlplane: 2, worker: 3 } }] },
      spec: { value: node.settings.role },
      inline: 'value',
    },
  ];
}

/** The annotation tells talosctl that the text is one YAML string and not a document (talos config.MachineConfig). */
function textItem(type: string, id: string, owner: string, text: string): Item {
  const annotations = { 'talos.dev/yaml-spec': '1' };
  return { type, id, owner, shape: { value: [1, 'string'] }, spec: { value: text }, inline: 'value', annotations };
}
