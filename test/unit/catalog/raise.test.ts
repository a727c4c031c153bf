import { describe, expect, it } from 'vitest';
import { isSensitiveType } from '../../../src/catalog/sensitive-types.ts';
import {
  DestroyRequestSchema,
  GetRequestSchema,
  ListRequestSchema,
  WatchRequestSchema,
} from '../../../src/gen/cosi/resource/state_pb.js';
import { BootstrapRequestSchema } from '../../../src/gen/machine/machine_pb.js';
import { catalog, inspect } from './support.ts';

const sensitive = { action: 'resource.get-sensitive', risk: 'credential', leastRole: 'os:admin' };
const type = 'MachineConfigs.config.talos.dev';

describe('inspectRequest raises', () => {
  it.each([
    ['/cosi.resource.State/Get', GetRequestSchema],
    ['/cosi.resource.State/List', ListRequestSchema],
    ['/cosi.resource.State/Watch', WatchRequestSchema],
  ] as const)('%s of a sensitive type to resource.get-sensitive', (path, desc) => {
    const facts = inspect(path, desc as typeof GetRequestSchema, { type, namespace: 'config' });
    expect(facts).toMatchObject(sensitive);
    expect(facts.resource).toMatch(/^resource\/machineconfigs\.config\.talos\.dev\/config\//);
  });

  it('a bootstrap from a snapshot to etcd.recover', () => {
    const raised = { action: 'etcd.recover', risk: 'destructive', leastRole: 'os:admin', resource: 'etcd' };
    const path = '/machine.MachineService/Bootstrap';
    expect(inspect(path, BootstrapRequestSchema, { recoverEtcd: true })).toMatchObject(raised);
    const plain = { action: 'etcd.bootstrap', risk: 'write', leastRole: 'os:admin' };
    expect(inspect(path, BootstrapRequestSchema, { recoverSkipHashCheck: true })).toMatchObject(plain);
    expect(inspect(path, BootstrapRequestSchema, {})).toMatchObject(plain);
  });
});

describe('inspectRequest leaves', () => {
  it.each([
    'Members.cluster.talos.dev',
    'ResourceDefinitions.meta.cosi.dev',
    'Unknown.example.com',
    '',
    ...catalog.delicateTypes,
  ])('reading of "%s" as it is', plain => {
    const facts = { action: 'resource.get', risk: 'read', leastRole: 'os:reader' };
    expect(inspect('/cosi.resource.State/Get', GetRequestSchema, { type: plain })).toMatchObject(facts);
  });

  it('removing of a sensitive type as it is', () => {
    const facts = { action: 'resource.destroy', risk: 'destructive' };
    expect(inspect('/cosi.resource.State/Destroy', DestroyRequestSchema, { type })).toMatchObject(facts);
  });
});

describe('isSensitiveType', () => {
  it('knows every listed type in any case', () => {
    for (const name of catalog.sensitiveTypes) {
      expect(isSensitiveType(name)).toBe(true);
      expect(isSensitiveType(name.toLowerCase())).toBe(true);
      expect(isSensitiveType(name.toUpperCase())).toBe(true);
    }
  });

  it.each([
    'machineconfigs',
    'machineconfig',
    'MachineConfig',
    'mc',
    'MCs',
    'machineconfigs.config',
    'machineconfigs.config.talos',
    'machineconfig.config.talos.dev',
    'kubespanidentity',
    'ksi',
    'oomactions',
    'osrootsecret',
    'csan',
    'apisc',
    'etcdrootsecrets.secrets',
  ])('knows the alias %s', alias => {
    expect(isSensitiveType(alias)).toBe(true);
  });

  it('knows the dotted capital I that Go folds to i, and anything else outside the letters of a type', () => {
    expect(isSensitiveType('Mach\u{130}neConfigs.config.talos.dev')).toBe(true);
    expect(isSensitiveType('MachineConfig\u{17f}.config.talos.dev')).toBe(true);
    expect(isSensitiveType('MachineConfigs.config.talos.dev\0')).toBe(true);
    expect(isSensitiveType(' Members.cluster.talos.dev')).toBe(true);
  });

  it('does not take a like name for the type', () => {
    expect(isSensitiveType('MachineConfigs.example.com')).toBe(false);
    expect(isSensitiveType('LinkStatuses.net.talos.dev')).toBe(false);
    expect(isSensitiveType('machineconfigs.config.talos.dev.evil')).toBe(false);
  });
});
