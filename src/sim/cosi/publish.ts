import { create, toBinary } from '@bufbuild/protobuf';
import { stringify } from 'yaml';
import {
  NamespaceSpecSchema,
  ResourceDefinitionSpecSchema,
  ResourceDefinitionSpec_Sensitivity as Sensitivity,
} from '../../gen/cosi/resource/meta/meta_pb.js';
import type { NodeState } from '../node.ts';
import { clusterItems } from './content/cluster.ts';
import type { Item } from './content/item.ts';
import { kubernetesItems } from './content/kubernetes.ts';
import { networkItems } from './content/network.ts';
import { runtimeItems } from './content/runtime.ts';
import { secretItems } from './content/secrets.ts';
import { storageItems } from './content/storage.ts';
import { volumeGroupItems } from './content/volume-groups.ts';
import { type Definition, definitions, namespaces } from './definition.ts';
import { type EncodedSpec, encodeSpec } from './spec.ts';

/** Brings the resources of a node up to what its state says: new, changed and vanished ones become events. */
export function publishResources(node: NodeState): void {
  if (node.resources.list({ namespace: 'meta', type: 'Namespaces.meta.cosi.dev' }).length === 0) publishMeta(node);
  const items = [
    ...networkItems(node.settings),
    ...storageItems(node.settings),
    ...runtimeItems(node),
    ...clusterItems(node),
    ...kubernetesItems(node),
    ...secretItems(node),
    ...volumeGroupItems(node),
  ];
  const wanted = new Set<string>();
  for (const item of items) {
    const key = { namespace: namespaceOf(item), type: item.type, id: item.id };
    wanted.add(`${key.namespace}/${key.type}/${key.id}`);
    node.resources.put(key, encodeItem(item), item.owner, item.annotations);
  }
  for (const type of vanishing) {
    const namespace = definitions.get(type.toLowerCase())?.namespace ?? '';
    for (const found of node.resources.list({ namespace, type })) {
      if (!wanted.has(`${found.namespace}/${found.type}/${found.id}`)) node.resources.remove(found);
    }
  }
}

/** The only kinds of which one ever goes. */
const vanishing = [
  'MetaKeys.runtime.talos.dev',
  'LVMLogicalVolumeStatuses.storage.talos.dev',
  'LVMPhysicalVolumeStatuses.storage.talos.dev',
  'LVMVolumeGroupStatuses.storage.talos.dev',
  'MDArrayStatuses.storage.talos.dev',
];

function encodeItem(item: Item): EncodedSpec {
  const encoded = encodeSpec(item.shape, item.spec);
  if (item.inline === undefined) return encoded;
  return { ...encoded, yaml: stringify(item.spec[item.inline], { indent: 4, lineWidth: 0 }) };
}

function namespaceOf(item: Item): string {
  const definition = definitions.get(item.type.toLowerCase());
  if (definition === undefined) throw new Error(`no definition of ${item.type}`);
  return item.namespace ?? definition.namespace;
}

function publishMeta(node: NodeState): void {
  for (const [name, description] of namespaces) {
    node.resources.put(
      { namespace: 'meta', type: 'Namespaces.meta.cosi.dev', id: name },
      namespaceSpec(description),
      '',
    );
  }
  for (const definition of definitions.values()) {
    const key = { namespace: 'meta', type: 'ResourceDefinitions.meta.cosi.dev', id: definition.id };
    node.resources.put(key, definitionSpec(definition), '');
  }
}

function namespaceSpec(description: string): EncodedSpec {
  return {
    yaml: stringify({ description }),
    proto: toBinary(NamespaceSpecSchema, create(NamespaceSpecSchema, { description })),
  };
}

/** The same for every node, so made once. */
const definitionSpecs = new Map<string, EncodedSpec>();

function definitionSpec(definition: Definition): EncodedSpec {
  const known = definitionSpecs.get(definition.id);
  if (known !== undefined) return known;
  const made = encodeDefinition(definition);
  definitionSpecs.set(definition.id, made);
  return made;
}

function encodeDefinition(definition: Definition): EncodedSpec {
  const { type, display, namespace, aliases, allAliases, columns, sensitive } = definition;
  const proto = create(ResourceDefinitionSpecSchema, {
    resourceType: type,
    displayType: display,
    defaultNamespace: namespace,
    aliases: [...aliases],
    allAliases: [...allAliases],
    printColumns: columns.map(([name, jsonPath]) => ({ name, jsonPath })),
    sensitivity: sensitive ? Sensitivity.SENSITIVE : Sensitivity.NON_SENSITIVE,
  });
  const yaml = stringify({
    ...{ type, displayType: display, aliases, allAliases, defaultNamespace: namespace },
    printColumns: columns.map(([name, jsonPath]) => ({ name, jsonPath })),
    ...(sensitive ? { sensitivity: 'sensitive' } : {}),
  });
  return { yaml, proto: toBinary(ResourceDefinitionSpecSchema, proto) };
}
