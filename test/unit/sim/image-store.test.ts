import { expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { ContainerDriver, ContainerdNamespace } from '../../../src/gen/common/common_pb.js';
import {
  chooseInstance,
  digestOf,
  ImageStore,
  normalizeReference,
  pinned,
} from '../../../src/sim/images/image-store.ts';

const cri = { driver: ContainerDriver.CRI, namespace: ContainerdNamespace.NS_CRI };
const system = { driver: ContainerDriver.CONTAINERD, namespace: ContainerdNamespace.NS_SYSTEM };
const digest = `sha256:${'ab'.repeat(32)}`;

test.each([
  ['alpine', 'docker.io/library/alpine:latest'],
  ['alpine:3.22', 'docker.io/library/alpine:3.22'],
  ['siderolabs/talos:v1', 'docker.io/siderolabs/talos:v1'],
  ['ghcr.io/siderolabs/talos', 'ghcr.io/siderolabs/talos:latest'],
  ['localhost/x', 'localhost/x:latest'],
  ['registry:5000/x:1', 'registry:5000/x:1'],
  [`alpine:3.22@${digest}`, `docker.io/library/alpine@${digest}`],
])('normalizeReference writes %s in full', (reference, full) => {
  expect(normalizeReference(reference)).toBe(full);
});

test('ImageStore finds an image by name, by short name and by digest', () => {
  const store = new ImageStore(systemClock, []);
  const image = store.add(cri, 'alpine:3.22');
  expect(store.find(cri, 'docker.io/library/alpine:3.22')).toEqual(image);
  expect(store.find(cri, 'alpine:3.22')).toEqual(image);
  expect(store.find(cri, pinned(image))).toEqual(image);
  expect(pinned(image)).toBe(`docker.io/library/alpine@${digestOf('alpine:3.22')}`);
});

test('ImageStore keeps the instances apart', () => {
  const store = new ImageStore(systemClock, []);
  store.add(cri, 'alpine');
  expect(store.find(system, 'alpine')).toBeUndefined();
  expect(store.remove(system, 'alpine')).toBe(false);
  expect(store.remove(cri, 'alpine')).toBe(true);
  expect(store.find(cri, 'alpine')).toBeUndefined();
});

test('ImageStore does not take one digest for another', () => {
  const store = new ImageStore(systemClock, []);
  store.add(cri, 'alpine');
  expect(store.find(cri, `alpine@${digest}`)).toBeUndefined();
});

test('chooseInstance refuses what no containerd serves', () => {
  expect(() => chooseInstance(undefined)).toThrow('invalid containerd namespace');
  expect(() => chooseInstance({ ...system, namespace: ContainerdNamespace.NS_CRI })).toThrow(
    'cannot use CRI namespace',
  );
  expect(chooseInstance(cri)).toEqual(cri);
});
