import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { createCatalog } from '../../../src/catalog/catalog.ts';
import { DebugService } from '../../../src/gen/machine/debug_pb.js';
import { ImageService } from '../../../src/gen/machine/image_pb.js';
import { MachineService } from '../../../src/gen/machine/machine_pb.js';
import { ApprovalFloor, type EarlierRoles, EarlierRolesSchema, Risk } from '../../../src/gen/talosgate/options_pb.js';
import { TimeService } from '../../../src/gen/time/time_pb.js';
import { reannotated } from './rewritten-service.ts';
import { catalog, methodAt, refusal } from './support.ts';

describe('createCatalog', () => {
  it('finds a method by its path and knows no other path', () => {
    expect(methodAt('/machine.MachineService/Logs')).toMatchObject({
      service: 'machine.MachineService',
      name: 'Logs',
      kind: 'server-streaming',
      action: 'logs.read',
      risk: 'read',
      leastRole: 'os:reader',
      aggregates: true,
      approvalFloor: false,
    });
    expect(catalog.lookup('/machine.MachineService/GenerateConfiguration')).toBeUndefined();
    expect(catalog.lookup('/securityapi.SecurityService/Certificate')).toBeUndefined();
    expect(catalog.lookup('machine.MachineService/Logs')).toBeUndefined();
    expect(catalog.lookup('__proto__')).toBeUndefined();
  });

  it('lists every action with risk and area, raised ones included', () => {
    for (const method of catalog.methods) expect(catalog.actions.get(method.action)?.risk).toBe(method.risk);
    expect(catalog.actions.get('resource.get-sensitive')).toEqual({ risk: 'credential', area: 'resource' });
    expect(catalog.actions.get('etcd.recover')).toEqual({ risk: 'destructive', area: 'etcd' });
    for (const [action, { area }] of catalog.actions) expect(action.startsWith(`${area}.`)).toBe(true);
    expect(catalog.actions.size).toBe(new Set(catalog.methods.map(method => method.action)).size + 2);
  });

  it('asks for a second person for every shell and only there', () => {
    const floor = catalog.methods.filter(method => method.approvalFloor).map(method => method.path);
    expect(floor).toEqual(['/machine.DebugService/ContainerRun']);
    expect(catalog.methods.filter(method => method.risk === 'shell').map(method => method.path)).toEqual(floor);
  });

  it('names no sensitive type as merely delicate', () => {
    expect(catalog.sensitiveTypes).toHaveLength(38);
    expect(catalog.delicateTypes.filter(type => catalog.sensitiveTypes.includes(type))).toEqual([]);
  });
});

describe('createCatalog refuses to start', () => {
  const failing = (...services: Parameters<typeof createCatalog>[0] & object): string => {
    const { code, message } = refusal(() => createCatalog(services));
    expect(code).toBe('bad-config');
    return message;
  };

  it.each([
    ['an annotation is missing', undefined, 'it has no (talosgate.rule)'],
    ['the risk is missing', { risk: Risk.UNSPECIFIED }, 'risk is missing'],
    ['the action has no area', { action: 'logs' }, 'action "logs" is not dotted'],
    ['the least role is not admitted', { leastRole: 'os:etcd:backup' }, 'least_role is not one of talos_roles'],
    ['the least role is missing', { leastRole: '' }, 'least_role is not one of talos_roles'],
    ['the version is missing', { since: '' }, 'since is missing'],
    ['the resource is missing', { resource: '' }, 'neither a literal nor a {field}'],
    ['the resource builder is unknown', { resource: '@lost' }, 'no resource builder "@lost"'],
    ['the resource names an unknown field', { resource: 'logs/{pod}' }, 'machine.LogsRequest has no field "pod"'],
    ['the resource holds a wildcard', { resource: 'logs/*' }, '"*" is neither'],
    ['the raise is unknown', { raise: 'lost' }, 'there is no raise "lost"'],
    ['the raise does not fit the request', { raise: 'sensitive-type' }, 'machine.LogsRequest has no field "type"'],
    ['policy may look at an unknown field', { policyFields: ['pod'] }, 'machine.LogsRequest has no field "pod"'],
    [
      'the resource needs a field that policy may not see',
      { policyFields: ['id'] },
      '"namespace", which is not in policy_fields',
    ],
    ['audit forgets a field', { auditShow: ['namespace', 'id', 'driver', 'follow'] }, 'nor drops "tail_lines"'],
    ['audit names a field twice', { auditDigest: ['id'] }, 'audit names "id" 2 times'],
    ['audit shows an unknown field', { auditShow: ['pod'] }, 'machine.LogsRequest has no field "pod"'],
    ['audit digests an unknown field', { auditDigest: ['pod'] }, 'machine.LogsRequest has no field "pod"'],
    ['audit drops an unknown field', { auditDrop: ['id.pod'] }, 'LogsRequest.id has nothing below it'],
    [
      'an older role is none that the node admitted',
      { earlierRoles: [earlier({ before: 'v1.11.0', leastRole: 'os:reader', talosRoles: ['os:admin'] })] },
      'before v1.11.0: least_role is not one of talos_roles',
    ],
    [
      'older versions come in rising order',
      { earlierRoles: [earlier({ before: 'v1.9.0' }), earlier({ before: 'v1.11.0' })] },
      'or not in falling order',
    ],
    ['an older version is none', { earlierRoles: [earlier({ before: 'one' })] }, '"one" is no version'],
    ['a single request has stream rules', { streamFirst: ['id'] }, 'belong to methods whose client streams'],
  ])('when %s', (_, change, complaint) => {
    const message = failing(reannotated(MachineService, 'Logs', change));
    expect(message).toContain('/machine.MachineService/Logs: ');
    expect(message).toContain(complaint);
    expect(message.split('\n')).toHaveLength(2);
  });

  it('when a stream has no word on its later messages', () => {
    const change = { streamLater: [] };
    expect(failing(reannotated(ImageService, 'Import', change))).toContain('stream_first and stream_later belong');
  });

  it('when a shell has no approval floor', () => {
    expect(failing(reannotated(DebugService, 'ContainerRun', { approvalFloor: ApprovalFloor.UNSPECIFIED }))).toContain(
      'needs an approval floor',
    );
  });

  it('when a value that cannot be shown is to be shown', () => {
    const change = { auditShow: ['mode', 'dry_run', 'try_mode_timeout', 'data'], auditDigest: [] };
    expect(failing(reannotated(MachineService, 'ApplyConfiguration', change))).toContain('data cannot be shown');
  });

  it('when two methods of one action differ in risk', () => {
    const change = { action: 'time.read', risk: Risk.WRITE };
    expect(failing(reannotated(TimeService, 'TimeCheck', change))).toContain(
      'action time.read has the risks read and write',
    );
  });

  it('with all complaints at once', () => {
    const services = [reannotated(MachineService, 'Logs', undefined), reannotated(TimeService, 'Time', undefined)];
    const message = failing(...services);
    expect(message).toContain('/machine.MachineService/Logs');
    expect(message).toContain('/time.TimeService/Time');
  });
});

function earlier(more: MessageInitShape<typeof EarlierRolesSchema>): EarlierRoles {
  return Object.assign(create(EarlierRolesSchema), { leastRole: 'os:admin', talosRoles: ['os:admin'] }, more);
}
