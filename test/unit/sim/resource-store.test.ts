import { expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { assertReadable } from '../../../src/sim/cosi/access.ts';
import { type Change, ResourceStore } from '../../../src/sim/cosi/resource-store.ts';

const kind = { namespace: 'network', type: 'Things' };
const spec = (yaml: string) => ({ yaml, proto: new Uint8Array() });
const put = (store: ResourceStore, id: string, yaml: string): void => {
  store.put({ ...kind, id }, spec(yaml), 'owner');
};

async function take(store: ResourceStore, from: number, count: number): Promise<Change[]> {
  const seen: Change[] = [];
  const stop = new AbortController();
  for await (const change of store.watch(kind, from, stop.signal)) {
    seen.push(change);
    if (seen.length === count) break;
  }
  return seen;
}

test('ResourceStore.put counts versions and ignores what changes nothing', () => {
  const store = new ResourceStore(systemClock);
  put(store, 'a', '1');
  put(store, 'a', '1');
  expect(store.get({ ...kind, id: 'a' })?.version).toBe(1);
  put(store, 'a', '2');
  expect(store.get({ ...kind, id: 'a' })?.version).toBe(2);
});

test('ResourceStore.watch gives past and future changes in order', async () => {
  const store = new ResourceStore(systemClock);
  put(store, 'a', '1');
  const seen = take(store, 0, 3);
  put(store, 'a', '2');
  store.remove({ ...kind, id: 'a' });
  expect((await seen).map(change => change.kind)).toEqual(['created', 'updated', 'destroyed']);
});

test('ResourceStore.watch rejects when its signal aborts', async () => {
  const store = new ResourceStore(systemClock);
  const stop = new AbortController();
  const waiting = store.watch(kind, 0, stop.signal).next();
  stop.abort();
  await expect(waiting).rejects.toThrow('context canceled');
});

test('ResourceStore.resolve continues after the bookmarked change', async () => {
  const store = new ResourceStore(systemClock);
  put(store, 'a', '1');
  put(store, 'b', '1');
  const [first] = await take(store, 0, 1);
  const after = store.resolve(store.bookmark(first?.position ?? -1));
  expect((await take(store, after ?? 0, 1))[0]?.resource.id).toBe('b');
});

test('ResourceStore.resolve refuses bookmarks of another boot and of the future', () => {
  const store = new ResourceStore(systemClock);
  put(store, 'a', '1');
  const bookmark = store.bookmark(0);
  expect(store.resolve(bookmark)).toBe(1);
  expect(store.resolve(store.bookmark(7))).toBeUndefined();
  expect(store.resolve(Buffer.from('x'))).toBeUndefined();
  store.clear();
  put(store, 'a', '1');
  expect(store.resolve(bookmark)).toBeUndefined();
});

test('ResourceStore tells kinds apart by case', () => {
  const store = new ResourceStore(systemClock);
  put(store, 'a', '1');
  expect(store.list({ ...kind, type: 'things' })).toEqual([]);
});

test('assertReadable refuses unknown kinds and namespaces, and sensitive kinds without os:admin', () => {
  const reader = new Set(['os:reader']);
  const check =
    (namespace: string, type: string, roles = reader) =>
    () => {
      assertReadable(namespace, type, roles);
    };
  expect(check('network', 'Nope')).toThrow('resource type "Nope" is not supported');
  expect(check('nope', 'Members.cluster.talos.dev')).toThrow('namespace "nope" is not supported');
  expect(check('config', 'machineCONFIGS.config.talos.dev')).toThrow('not authorized');
  expect(check('config', 'MachineConfigs.config.talos.dev', new Set(['os:admin']))).not.toThrow();
  expect(check('cluster', 'Members.cluster.talos.dev')).not.toThrow();
});
