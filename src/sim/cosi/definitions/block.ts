import type { DefinitionRow } from '../definition-row.ts';

/** Disks, volumes and mounts. Facts from talos pkg/machinery/resources of 1.14. */
export const blockDefinitions: readonly DefinitionRow[] = [
  {
    type: 'BlockDevices.block.talos.dev',
    namespace: 'runtime',
    display: 'BlockDevice',
    columns: [
      ['Type', '{.type}'],
      ['PartitionName', '{.partitionName}'],
      ['Generation', '{.generation}'],
    ],
  },
  { type: 'BlockSymlinks.block.talos.dev', namespace: 'runtime', display: 'BlockSymlink' },
  {
    type: 'DiscoveredVolumes.block.talos.dev',
    namespace: 'runtime',
    display: 'DiscoveredVolume',
    columns: [
      ['Type', '{.type}'],
      ['Size', '{.pretty_size}'],
      ['Discovered', '{.name}'],
      ['Label', '{.label}'],
      ['PartitionLabel', '{.partition_label}'],
    ],
  },
  {
    type: 'DiscoveryRefreshRequests.block.talos.dev',
    namespace: 'runtime',
    display: 'DiscoveryRefreshRequest',
    columns: [['Request', '{.request}']],
  },
  {
    type: 'DiscoveryRefreshStatuses.block.talos.dev',
    namespace: 'runtime',
    display: 'DiscoveryRefreshStatus',
    columns: [['Request', '{.request}']],
  },
  {
    type: 'Disks.block.talos.dev',
    namespace: 'runtime',
    display: 'Disk',
    columns: [
      ['Size', '{.pretty_size}'],
      ['Read Only', '{.readonly}'],
      ['Transport', '{.transport}'],
      ['Rotational', '{.rotational}'],
      ['WWID', '{.wwid}'],
      ['Model', '{.model}'],
      ['Serial', '{.serial}'],
    ],
  },
  {
    type: 'FSScrubSchedules.block.talos.dev',
    namespace: 'runtime',
    display: 'FSScrubSchedule',
    columns: [
      ['Filesystem', '{.filesystem}'],
      ['Interval', '{.interval}'],
      ['Next Scrub', '{.nextScrub}'],
    ],
  },
  {
    type: 'FSScrubStatuses.block.talos.dev',
    namespace: 'runtime',
    display: 'FSScrubStatus',
    columns: [
      ['Mountpoint', '{.mountpoint}'],
      ['Interval', '{.interval}'],
      ['Latest start time', '{.time}'],
      ['Latest run duration', '{.duration}'],
      ['Latest status', '{.status}'],
    ],
  },
  {
    type: 'MountRequests.block.talos.dev',
    namespace: 'runtime',
    display: 'MountRequest',
    columns: [
      ['Volume', '{.volumeID}'],
      ['Parent', '{.parentID}'],
      ['Requesters', '{.requesters}'],
    ],
  },
  {
    type: 'MountStatuses.block.talos.dev',
    namespace: 'runtime',
    display: 'MountStatus',
    columns: [
      ['Source', '{.source}'],
      ['Target', '{.target}'],
      ['Filesystem', '{.filesystem}'],
      ['Volume', '{.spec.volumeID}'],
    ],
  },
  {
    type: 'SwapStatuses.block.talos.dev',
    namespace: 'runtime',
    display: 'SwapStatus',
    aliases: ['swap', 'swaps'],
    columns: [
      ['Device', '{.device}'],
      ['Size', '{.sizeHuman}'],
      ['Used', '{.usedHuman}'],
      ['Priority', '{.priority}'],
    ],
  },
  {
    type: 'SystemDisks.block.talos.dev',
    namespace: 'runtime',
    display: 'SystemDisk',
    columns: [['Disk', '{.diskID}']],
  },
  {
    type: 'UserDiskConfigStatuses.block.talos.dev',
    namespace: 'runtime',
    display: 'UserDiskConfigStatus',
    columns: [['Ready', '{.ready}']],
  },
  { type: 'VolumeConfigs.block.talos.dev', namespace: 'runtime', display: 'VolumeConfig', sensitive: true },
  { type: 'VolumeLifecycles.block.talos.dev', namespace: 'runtime', display: 'VolumeLifecycle' },
  {
    type: 'VolumeMountRequests.block.talos.dev',
    namespace: 'runtime',
    display: 'VolumeMountRequest',
    columns: [
      ['Volume ID', '{.volumeID}'],
      ['Requester', '{.requester}'],
    ],
  },
  {
    type: 'VolumeMountStatuses.block.talos.dev',
    namespace: 'runtime',
    display: 'VolumeMountStatus',
    columns: [
      ['Volume ID', '{.volumeID}'],
      ['Requester', '{.requester}'],
      ['Target', '{.target}'],
    ],
  },
  {
    type: 'VolumeStatuses.block.talos.dev',
    namespace: 'runtime',
    display: 'VolumeStatus',
    columns: [
      ['Type', '{.type}'],
      ['Phase', '{.phase}'],
      ['Location', '{.location}'],
      ['Size', '{.prettySize}'],
    ],
  },
  {
    type: 'VolumeTrimSchedules.block.talos.dev',
    namespace: 'runtime',
    display: 'VolumeTrimSchedule',
    columns: [
      ['Filesystem', '{.filesystem}'],
      ['Interval', '{.interval}'],
      ['Next Trim', '{.nextTrim}'],
    ],
  },
  {
    type: 'ZswapStatuses.block.talos.dev',
    namespace: 'runtime',
    display: 'ZswapStatus',
    columns: [
      ['Total Size', '{.totalSizeHuman}'],
      ['Stored Pages', '{.storedPages}'],
      ['Written Back', '{.writtenBackPages}'],
      ['Pool Limit Hit', '{.poolLimitHit}'],
    ],
  },
];
