import { describe, expect, it } from 'vitest';
import { nodeRole, roleVaries } from '../../../src/catalog/node-role.ts';
import type { Method, RequestFacts } from '../../../src/core/method.ts';
import { catalog } from './support.ts';

function roleOn(path: string, version: string | undefined): string {
  const method = catalog.lookup(path);
  if (method === undefined) throw new Error(path);
  return nodeRole(method, factsOf(method.leastRole), version);
}

function factsOf(leastRole: string): RequestFacts {
  return { leastRole } as RequestFacts;
}

/** talos internal/app/machined/pkg/system/services/machined.go, at the tags of the versions. */
describe('nodeRole', () => {
  it.each([
    ['/machine.MachineService/EtcdStatus', 'v1.10.9', 'os:operator'],
    ['/machine.MachineService/EtcdStatus', 'v1.11.0', 'os:reader'],
    ['/machine.MachineService/EtcdAlarmList', 'v1.9.0', 'os:operator'],
    ['/machine.MachineService/EtcdAlarmList', 'v1.13.9', 'os:reader'],
    ['/machine.MachineService/MetaWrite', 'v1.12.7', 'os:admin'],
    ['/machine.MachineService/MetaWrite', 'v1.13.0-alpha.2', 'os:admin'],
    ['/machine.MachineService/MetaWrite', 'v1.13.0', 'os:meta:writer'],
    ['/machine.MachineService/MetaDelete', 'v1.10.0', 'os:admin'],
    ['/machine.MachineService/MetaDelete', 'v1.14.0-rc.1', 'os:meta:writer'],
    ['/machine.MachineService/Version', 'v1.9.0', 'os:reader'],
  ])('of %s on %s is %s', (path, version, role) => {
    expect(roleOn(path, version)).toBe(role);
  });

  it.each([undefined, '', 'built-by-hand'])('on a node of version %j is the least there is', version => {
    expect(roleOn('/machine.MachineService/MetaWrite', version)).toBe('os:meta:writer');
    expect(roleOn('/machine.MachineService/EtcdStatus', version)).toBe('os:reader');
  });

  it('of several older generations is that of the oldest the node belongs to', () => {
    const method = {
      leastRole: 'newest',
      earlierRoles: [
        { before: 'v1.13.0', leastRole: 'older' },
        { before: 'v1.11.0', leastRole: 'oldest' },
      ],
    } as unknown as Method;
    const on = (version: string): string => nodeRole(method, factsOf('newest'), version);
    expect([on('v1.10.0'), on('v1.12.0'), on('v1.13.0')]).toEqual(['oldest', 'older', 'newest']);
  });

  it('of a request that content raised does not sink again', () => {
    const method = catalog.lookup('/machine.MachineService/EtcdStatus');
    if (method === undefined) throw new Error('no method');
    expect(roleVaries(method, factsOf('os:admin'))).toBe(false);
    expect(nodeRole(method, factsOf('os:admin'), 'v1.9.0')).toBe('os:admin');
  });
});
