import { createHash } from 'node:crypto';
import type { NodeState } from '../../node.ts';
import { type Item, kind } from './item.ts';

const scan = 'storage.LVMScanController';
const volumeGroup = kind('LVMVolumeGroupStatuses.storage.talos.dev', scan, {
  name: [1, 'string'],
  uuid: [2, 'string'],
  format: [3, 'string'],
  permissions: [4, 'string'],
  size: [11, 'string'],
  free: [12, 'string'],
  lvCount: [18, 'string'],
  pvCount: [19, 'string'],
  prettySize: [26, 'string'],
  prettyFree: [27, 'string'],
});
const logicalVolume = kind('LVMLogicalVolumeStatuses.storage.talos.dev', scan, {
  path: [1, 'string'],
  dmPath: [2, 'string'],
  name: [3, 'string'],
  fullName: [4, 'string'],
  vgName: [5, 'string'],
  uuid: [6, 'string'],
  layout: [7, 'string'],
  active: [13, 'string'],
  size: [22, 'string'],
  prettySize: [36, 'string'],
});
const physicalVolume = kind('LVMPhysicalVolumeStatuses.storage.talos.dev', scan, {
  device: [1, 'string'],
  vgName: [2, 'string'],
  uuid: [3, 'string'],
  format: [4, 'string'],
  allocatable: [5, 'string'],
  inUse: [8, 'string'],
  size: [9, 'string'],
  prettySize: [18, 'string'],
  prettyFree: [20, 'string'],
});
const array = kind('MDArrayStatuses.storage.talos.dev', 'storage.MDArrayReconcileController', {
  level: [1, { numbers: { raid1: 0 } }],
  device: [2, 'string'],
  members: [3, 'strings'],
  status: [5, { numbers: { ready: 3 } }],
  raidDevices: [6, 'int'],
  uuid: [7, 'string'],
  name: [8, 'string'],
  metadata: [9, 'string'],
  arrayState: [10, 'string'],
  syncAction: [11, 'string'],
});

/** Volume groups and arrays, as the scan of LVM and the kernel tell them. */
export function volumeGroupItems(node: NodeState): readonly Item[] {
  const { physical, logical, groups, arrays } = node.volumes;
  return [
    ...groups.map(name => {
      const [devices, volumes] = [physical, logical].map(all => all.filter(one => one.group === name));
      const [size, used] = [devices, volumes].map(all => (all ?? []).reduce((sum, one) => sum + one.size, 0));
      return volumeGroup(name, {
        ...{ name, uuid: uuid(`group ${name}`), format: 'lvm2', permissions: 'writeable', ...sized(size ?? 0) },
        ...{ free: String((size ?? 0) - (used ?? 0)), prettyFree: pretty((size ?? 0) - (used ?? 0)) },
        ...{ lvCount: String(volumes?.length ?? 0), pvCount: String(devices?.length ?? 0) },
      });
    }),
    ...logical.map(({ group, name, size }) =>
      logicalVolume(`${group}-${name}`, {
        ...{
          path: `/dev/${group}/${name}`,
          dmPath: `/dev/mapper/${group}-${name}`,
          name,
          fullName: `${group}/${name}`,
        },
        ...{ vgName: group, uuid: uuid(`volume ${group}/${name}`), layout: 'linear', active: 'active', ...sized(size) },
      }),
    ),
    ...physical.map(({ device, group, size }) =>
      physicalVolume(device.replace('/dev/', ''), {
        ...{ device, vgName: group, uuid: uuid(`device ${device}`), format: 'lvm2', allocatable: 'allocatable' },
        ...{ inUse: group === '' ? '' : 'used', ...sized(size), prettyFree: pretty(group === '' ? size : 0) },
      }),
    ),
    ...arrays.map(({ device, name, members }) =>
      array(name, {
        ...{ level: 'raid1', device, members: [...members], status: 'ready', raidDevices: members.length },
        ...{ uuid: uuid(`array ${name}`), name, metadata: '1.2', arrayState: 'clean', syncAction: 'idle' },
      }),
    ),
  ];
}

function sized(size: number): { readonly size: string; readonly prettySize: string } {
  return { size: String(size), prettySize: pretty(size) };
}

function pretty(size: number): string {
  return size === 0 ? '0 B' : `${(size / 1e9).toFixed(1)} GB`;
}

/** LVM's own form: seven groups of letters and digits. The same thing has the same one in every run. */
function uuid(of: string): string {
  const text = createHash('sha256').update(of).digest('base64').replaceAll(/[+/=]/g, 'x');
  return [0, 6, 10, 14, 18, 22, 26].map((at, index) => text.slice(at, at + (index % 6 === 0 ? 6 : 4))).join('-');
}
