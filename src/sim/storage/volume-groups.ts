import { SimStatus } from '../sim-call.ts';

/** A device with an LVM label. */
export interface PhysicalVolume {
  readonly device: string;
  readonly size: number;
}

export interface LogicalVolume {
  readonly group: string;
  readonly name: string;
  readonly size: number;
}

export interface MdArray {
  /** What the user names: `/dev/disk/by-id/md-name-data`. */
  readonly device: string;
  readonly name: string;
  readonly members: readonly string[];
}

/**
 * Volume groups and arrays of a node: one group of two disks with two logical volumes, and one mirror. Removing them
 * follows LVM's rules and fails in the words of a node (talos internal/pkg/lvm/errors.go, internal/pkg/md/errors.go).
 */
export class VolumeGroups {
  readonly #changed: () => void;
  readonly #physical = new Map<string, PhysicalVolume & { readonly group: string }>();
  readonly #logical = new Map<string, LogicalVolume>();
  readonly #arrays = new Map<string, MdArray>();

  /** `changed` is told after each change. */
  constructor(changed: () => void) {
    this.#changed = changed;
    for (const device of ['/dev/vdd', '/dev/vde']) this.#physical.set(device, { device, size: gibibyte * 4, group });
    for (const name of ['data', 'scratch']) {
      this.#logical.set(`${group}/${name}`, { group, name, size: gibibyte * 2 });
    }
    const device = '/dev/disk/by-id/md-name-mirror';
    this.#arrays.set(device, { device, name: 'mirror', members: ['/dev/vdf', '/dev/vdg'] });
  }

  get physical(): readonly (PhysicalVolume & { readonly group: string })[] {
    return [...this.#physical.values()];
  }

  get logical(): readonly LogicalVolume[] {
    return [...this.#logical.values()];
  }

  /** Names of the groups that have a device. */
  get groups(): readonly string[] {
    return [...new Set(this.physical.map(one => one.group))].filter(name => name !== '');
  }

  get arrays(): readonly MdArray[] {
    return [...this.#arrays.values()];
  }

  removeLogical(inGroup: string, name: string): void {
    if (inGroup === '' || name === '') throw unset('volume_group and logical_volume');
    if (!this.#logical.delete(`${inGroup}/${name}`)) throw new SimStatus('NOT_FOUND', 'lvm: resource not found');
    this.#changed();
  }

  /** Takes the logical volumes of the group with it; its devices keep their labels. */
  removeGroup(name: string): void {
    if (name === '') throw unset('volume_group');
    if (!this.groups.includes(name)) throw new SimStatus('NOT_FOUND', 'lvm: resource not found');
    for (const one of this.logical) if (one.group === name) this.#logical.delete(`${name}/${one.name}`);
    for (const one of this.physical) if (one.group === name) this.#physical.set(one.device, { ...one, group: '' });
    this.#changed();
  }

  removePhysical(device: string): void {
    if (device === '') throw unset('device');
    const found = this.#physical.get(device);
    if (found === undefined) throw new SimStatus('NOT_FOUND', 'lvm: resource not found');
    if (found.group !== '') throw new SimStatus('FAILED_PRECONDITION', 'lvm: resource in use');
    this.#physical.delete(device);
    this.#changed();
  }

  destroyArray(device: string): void {
    if (device === '') throw unset('device');
    if (!device.startsWith('/dev/')) throw new SimStatus('INVALID_ARGUMENT', 'device must be a full /dev path');
    if (!this.#arrays.delete(device)) throw new SimStatus('NOT_FOUND', 'md: array not found');
    this.#changed();
  }
}

const group = 'vg0';
const gibibyte = 1024 ** 3;

function unset(field: string): SimStatus {
  return new SimStatus('INVALID_ARGUMENT', `${field} must be set`);
}
