import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { handlers } from '../../../src/sim/handlers.ts';
import { simMethods } from '../../../src/sim/methods.ts';

test('handlers has an entry for each method of the protos and no other', () => {
  expect([...handlers.keys()].sort()).toEqual(simMethods.map(method => method.path).sort());
});

test('simMethods are the 81 methods that a node serves', () => {
  expect(simMethods).toHaveLength(81);
  expect(new Set(simMethods.map(method => method.path)).size).toBe(81);
});

test('simMethods names at least one role for every method, and only roles of Talos', () => {
  const known = ['os:admin', 'os:operator', 'os:reader', 'os:etcd:backup', 'os:meta:writer', 'os:image:verifier'];
  for (const method of simMethods) {
    for (const version of ['v1.9.0', 'v1.12.4', 'v1.14.0']) {
      const roles = method.roles(version);
      expect(roles.length, method.path).toBeGreaterThan(0);
      for (const role of roles) expect(known, method.path).toContain(role);
    }
  }
});

test('no file of the simulator can reach the host: no child process, no file system', () => {
  const folder = new URL('../../../src/sim/', import.meta.url);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.ts'));
  expect(files.length).toBeGreaterThan(60);
  for (const name of files) {
    expect(readFileSync(new URL(name, folder), 'utf8'), name).not.toMatch(
      /node:(child_process|fs|vm|worker_threads|os)/,
    );
  }
});
