import { disksOf } from '../../disks-data.ts';
import type { NodeSettings } from '../../settings.ts';
import { type Item, kind } from './item.ts';

const filesystem = { numbers: { none: 0, xfs: 1, vfat: 2 } } as const;
const phase = { numbers: { ready: 6 } } as const;

const disk = kind('Disks.block.talos.dev', 'block.DisksController', {
  dev_path: [14, 'string'],
  size: [1, 'int'],
  pretty_size: [15, 'string'],
  io_size: [2, 'int'],
  sector_size: [3, 'int'],
  readonly: [4, 'bool'],
  cdrom: [13, 'bool'],
  model: [5, 'string'],
  serial: [6, 'string'],
  transport: [11, 'string'],
  rotational: [12, 'bool'],
});
const systemDisk = kind('SystemDisks.block.talos.dev', 'block.SystemDiskController', {
  diskID: [1, 'string'],
  devPath: [2, 'string'],
});
const discovered = kind('DiscoveredVolumes.block.talos.dev', 'block.DiscoveryController', {
  dev_path: [17, 'string'],
  type: [14, 'string'],
  size: [1, 'int'],
  pretty_size: [19, 'string'],
  name: [4, 'string'],
  partition_label: [12, 'string'],
  partition_index: [13, 'int'],
});
const volume = kind('VolumeStatuses.block.talos.dev', 'block.VolumeManagerController', {
  phase: [1, phase],
  type: [16, { numbers: { partition: 0 } }],
  location: [2, 'string'],
  mountLocation: [11, 'string'],
  partitionIndex: [8, 'int'],
  parentLocation: [7, 'string'],
  size: [9, 'int'],
  prettySize: [13, 'string'],
  filesystem: [10, filesystem],
});
const mountRequest = {
  message: { volumeID: [1, 'string'], readOnly: [5, 'bool'], requesters: [3, 'strings'] },
} as const;
const mount = kind('MountStatuses.block.talos.dev', 'block.MountController', {
  spec: [1, mountRequest],
  source: [3, 'string'],
  target: [2, 'string'],
  filesystem: [4, filesystem],
  readOnly: [5, 'bool'],
});
const system = kind('SystemInformations.hardware.talos.dev', 'hardware.SystemInfoController', {
  manufacturer: [1, 'string'],
  productName: [2, 'string'],
  version: [3, 'string'],
  serialnumber: [4, 'string'],
  uuid: [5, 'string'],
});
const processor = kind('Processors.hardware.talos.dev', 'hardware.SystemInfoController', {
  socket: [1, 'string'],
  manufacturer: [2, 'string'],
  productName: [3, 'string'],
  maxSpeedMhz: [4, 'int'],
  coreCount: [10, 'int'],
  threadCount: [12, 'int'],
});
const memory = kind('MemoryModules.hardware.talos.dev', 'hardware.SystemInfoController', {
  sizeMiB: [1, 'int'],
  deviceLocator: [2, 'string'],
  manufacturer: [5, 'string'],
  productName: [8, 'string'],
});

const partitions = [
  ['EFI', 1, 104_857_600, '105 MB', 'vfat', '/boot/EFI'],
  ['META', 4, 1_048_576, '1.0 MB', 'none', ''],
  ['STATE', 5, 104_857_600, '105 MB', 'xfs', '/system/state'],
  ['EPHEMERAL', 6, 9_000_000_000, '9.0 GB', 'xfs', '/var'],
] as const;

/** Disks, volumes and the machine around them. */
export function storageItems(settings: NodeSettings): readonly Item[] {
  return [
    ...disksOf(settings).map(({ name, size, prettySize, model, serial }) =>
      disk(name, {
        ...{ dev_path: `/dev/${name}`, size, pretty_size: prettySize, io_size: 512, sector_size: 512 },
        ...{ readonly: false, cdrom: false, model, serial, transport: 'virtio', rotational: true },
      }),
    ),
    systemDisk('system-disk', { diskID: 'vda', devPath: '/dev/vda' }),
    ...partitions.flatMap(([label, index, size, pretty, type, target]) => {
      const device = `/dev/vda${index}`;
      const sized = { size, pretty_size: pretty, name: type === 'none' ? 'talosmeta' : type };
      return [
        discovered(`vda${index}`, {
          ...{ dev_path: device, type: 'partition', partition_label: label, partition_index: index },
          ...sized,
        }),
        volume(label, {
          ...{ phase: 'ready', type: 'partition', location: device, mountLocation: device, partitionIndex: index },
          ...{ parentLocation: '/dev/vda', size, prettySize: pretty, filesystem: type },
        }),
        ...(target === '' ? [] : [mountOf(label, device, target, type)]),
      ];
    }),
    system('systeminformation', {
      ...{ manufacturer: 'talosgate', productName: 'Simulated Machine', version: '1.0' },
      ...{ serialnumber: `sim-${settings.name}`, uuid: '00000000-0000-4000-8000-000000000000' },
    }),
    processor('CPU-0', {
      ...{ socket: 'CPU 0', manufacturer: 'talosgate', productName: 'simulated', maxSpeedMhz: 3000 },
      ...{ coreCount: 4, threadCount: 4 },
    }),
    memory('DIMM-0', { sizeMiB: 8192, deviceLocator: 'DIMM 0', manufacturer: 'talosgate', productName: 'RAM' }),
  ];
}

function mountOf(label: string, source: string, target: string, type: string): Item {
  const spec = { volumeID: label, readOnly: false, requesters: ['sequencer'] };
  return mount(label, { spec, source, target, filesystem: type, readOnly: false });
}
