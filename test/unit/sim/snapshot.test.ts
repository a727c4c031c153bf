import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { EtcdCluster } from '../../../src/sim/etcd/etcd-cluster.ts';
import { snapshotChunks } from '../../../src/sim/etcd/snapshot.ts';

const whole = (name: string, size: number): Buffer => Buffer.concat([...snapshotChunks(name, size)]);

test('snapshotChunks ends with the SHA-256 of what came before, as etcd does', () => {
  const file = whole('a', 100_000);
  const body = file.subarray(0, -32);
  expect(body.length % 512).toBe(0);
  expect(createHash('sha256').update(body).digest()).toEqual(file.subarray(-32));
});

test('snapshotChunks has about the size that was asked for, and never less than a database needs', () => {
  expect(whole('a', 1024 * 1024)).toHaveLength(1024 * 1024 + 32);
  expect(whole('a', 1)).toHaveLength(6 * 4096 + 32);
});

test('snapshotChunks gives the same bytes for the same name and others for another', () => {
  expect(whole('a', 50_000)).toEqual(whole('a', 50_000));
  expect(whole('a', 50_000)).not.toEqual(whole('b', 50_000));
});

test('EtcdCluster elects another leader when the leader goes or forfeits', () => {
  const cluster = new EtcdCluster();
  cluster.join('a', '10.0.0.1');
  cluster.join('b', '10.0.0.2');
  expect(cluster.leader).toBe(cluster.memberOf('a'));
  expect(cluster.forfeit(cluster.memberOf('a'))).toBe('b');
  expect(cluster.remove(cluster.memberOf('b'))).toBe(true);
  expect(cluster.leader).toBe(cluster.memberOf('a'));
  expect(cluster.remove(1n)).toBe(false);
});

test('EtcdCluster.disarm tells what it disarmed', () => {
  const cluster = new EtcdCluster();
  cluster.raise(5n, 'NOSPACE');
  expect([...cluster.disarm()]).toEqual([[5n, 'NOSPACE']]);
  expect(cluster.alarms.size).toBe(0);
});
