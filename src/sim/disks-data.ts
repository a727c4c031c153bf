import { createHash } from 'node:crypto';
import type { NodeSettings } from './settings.ts';

/** A disk of the node. */
export interface SimDisk {
  /** `vda` */
  readonly name: string;
  readonly size: number;
  readonly prettySize: string;
  readonly model: string;
  readonly serial: string;
  readonly system: boolean;
}

/** Every node has a system disk and two empty ones. */
export function disksOf({ name }: Pick<NodeSettings, 'name'>): readonly SimDisk[] {
  const serial = (disk: string): string => createHash('sha256').update(`${name}/${disk}`).digest('hex').slice(0, 12);
  const model = 'SIM DISK';
  return [
    { name: 'vda', size: 10_737_418_240, prettySize: '11 GB', model, serial: serial('vda'), system: true },
    { name: 'vdb', size: 5_368_709_120, prettySize: '5.4 GB', model, serial: serial('vdb'), system: false },
    { name: 'vdc', size: 5_368_709_120, prettySize: '5.4 GB', model, serial: serial('vdc'), system: false },
  ];
}
