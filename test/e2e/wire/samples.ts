import type { Sample } from './sample.ts';
import { cosiSamples } from './samples/cosi.ts';
import { etcdSamples } from './samples/etcd.ts';
import { debugSamples, imageSamples, lifecycleSamples } from './samples/images.ts';
import { machineSamples } from './samples/machine.ts';
import { machineChangeSamples } from './samples/machine-changes.ts';
import { diskSamples, otherSamples } from './samples/others.ts';

/** A valid call of every method, in the order in which they are made: reading first, what takes a node away last. */
export const samples: readonly Sample[] = [
  ...machineSamples,
  ...cosiSamples,
  ...otherSamples,
  ...diskSamples,
  ...imageSamples,
  ...debugSamples,
  ...etcdSamples,
  ...lifecycleSamples,
  ...machineChangeSamples,
];
