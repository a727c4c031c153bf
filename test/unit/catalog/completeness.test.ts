import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { getOption } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { leafPaths } from '../../../src/catalog/field-path.ts';
import { ClusterService } from '../../../src/gen/cluster/cluster_pb.js';
import { State } from '../../../src/gen/cosi/resource/state_pb.js';
import { InspectService } from '../../../src/gen/inspect/inspect_pb.js';
import { DebugService } from '../../../src/gen/machine/debug_pb.js';
import { ImageService } from '../../../src/gen/machine/image_pb.js';
import { LifecycleService } from '../../../src/gen/machine/lifecycle_pb.js';
import { LVMService } from '../../../src/gen/machine/lvm_pb.js';
import { MachineService } from '../../../src/gen/machine/machine_pb.js';
import { MDService } from '../../../src/gen/machine/md_pb.js';
import { StorageService as MachineStorageService } from '../../../src/gen/machine/storage_pb.js';
import { StorageService } from '../../../src/gen/storage/storage_pb.js';
import { rule } from '../../../src/gen/talosgate/options_pb.js';
import { TimeService } from '../../../src/gen/time/time_pb.js';
import { catalog } from './support.ts';
import { readTsv } from './tsv.ts';

// The fixtures are facts about the node API, gathered from Talos and not from our protos.
const facts = readTsv('catalogue.tsv').filter(
  row => row['served_by_apid'] === 'y' && !(row['deprecated_or_removed'] ?? '').startsWith('removed'),
);
const kinds = readTsv('methods.tsv');

const services: readonly DescService[] = [
  ClusterService,
  DebugService,
  ImageService,
  InspectService,
  LifecycleService,
  LVMService,
  MachineService,
  MachineStorageService,
  MDService,
  State,
  StorageService,
  TimeService,
];
const descriptors = new Map<string, DescMethod>(
  services.flatMap(service => service.methods.map(method => [`/${service.typeName}/${method.name}`, method])),
);

function descriptor(path: string): DescMethod {
  const method = descriptors.get(path);
  if (method === undefined) throw new Error(`no descriptor for ${path}`);
  return method;
}

const clean = (fields: string | undefined): string[] =>
  (fields ?? '')
    .split(' ')
    .filter(field => field !== '')
    .map(field => field.replace(/:.*$/, '').replaceAll(/#\d+/g, ''));

/** Fields that may carry a secret and are shown on purpose, each with its reason in docs/decisions/. */
const shownAllTheSame = new Set(['/machine.DebugService/ContainerRun spec.args']); // 0004

describe('the catalog and the node API', () => {
  it('have the same 81 methods', () => {
    const ours = catalog.methods.map(method => method.path).sort();
    expect(ours).toHaveLength(81);
    expect(ours).toEqual(facts.map(row => row['method']).sort());
    expect(ours).toEqual(kinds.map(row => row['path']).sort());
  });

  it.each(kinds.map(row => [row['path'] ?? '', row] as const))('agree on messages and kind of %s', (path, row) => {
    const { input, output } = descriptor(path);
    expect([input.typeName, output.typeName]).toEqual([row['request'], row['response']]);
    const streams = `${row['client_stream'] ?? ''}${row['server_stream'] ?? ''}`;
    const kind = { nn: 'unary', yn: 'client-streaming', ny: 'server-streaming', yy: 'bidi-streaming' }[streams];
    expect(catalog.lookup(path)?.kind).toBe(kind);
  });

  it.each(facts.map(row => [row['method'] ?? '', row] as const))('agree on rights and harm of %s', (path, row) => {
    expect(catalog.lookup(path)).toMatchObject({
      leastRole: row['least_role'],
      risk: row['effect'],
      aggregates: row['nodes_aggregation'] === 'y',
      since: row['since'],
    });
    expect(getOption(descriptor(path), rule).talosRoles).toEqual(row['roles']?.split(','));
  });

  it.each(facts.map(row => [row['method'] ?? '', row] as const))(
    'agree on policy fields and secrets of %s',
    (path, row) => {
      const { policyFields, auditShow, auditDigest, auditDrop } = getOption(descriptor(path), rule);
      expect(policyFields).toEqual(clean(row['policy_fields']));
      const hidden = [...auditDigest, ...auditDrop];
      for (const secret of clean(row['secret_request_fields'])) {
        if (shownAllTheSame.has(`${path} ${secret}`)) continue;
        expect(auditShow).not.toContain(secret);
        expect(hidden.some(entry => secret === entry || secret.startsWith(`${entry}.`))).toBe(true);
      }
    },
  );
});

describe('names that may stand in a message to the caller', () => {
  // talosctl prints its usage screen when an error holds one of these (cmd/talosctl/cmd/root.go).
  it('hold no word that talosctl takes for a usage error', () => {
    const names = [...descriptors.values()].flatMap(({ input }) => [input.typeName, ...leafPaths(input)]);
    const misleading = [...names, ...catalog.actions.keys()].filter(name => /arg\(s\)|flag|command/.test(name));
    expect(misleading).toEqual([]);
  });
});
