import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type EventSchema,
  EventType,
  ResourceSchema,
  State,
  type WatchRequest,
  type WatchResponseSchema,
} from '../../gen/cosi/resource/state_pb.js';
import { type Send, serverStream, unary } from '../handler.ts';
import type { NodeState } from '../node.ts';
import { type SimCall, SimStatus } from '../sim-call.ts';
import { assertReadable, refuseWrite } from './access.ts';
import { createFilter } from './query.ts';
import type { Change, StoredResource } from './resource-store.ts';

/** The COSI state service: read-only for everybody, as on a real node. */
export const stateHandlers = [
  unary(State.method.get, (node, request, call) => {
    assertReadable(request.namespace, request.type, call.roles);
    const found = node.resources.get(request);
    if (found === undefined) {
      throw new SimStatus(
        'NOT_FOUND',
        `resource ${request.type}(${request.namespace}/${request.id}@undefined) doesn't exist`,
      );
    }
    return { resource: toMessage(found) };
  }),
  serverStream(State.method.list, async (node, request, send, call) => {
    assertReadable(request.namespace, request.type, call.roles);
    const wanted = createFilter(request.options?.idQuery, request.options?.labelQuery ?? []);
    for (const found of node.resources.list(request)) if (wanted(found)) await send({ resource: toMessage(found) });
  }),
  serverStream(State.method.watch, (node, request, send, call) => {
    assertReadable(request.namespace, request.type, call.roles);
    return request.id === undefined
      ? watchKind(node, request, send, call)
      : watchOne(node, request, request.id, send, call);
  }),
  unary(State.method.create, refuseWrite),
  unary(State.method.update, refuseWrite),
  unary(State.method.destroy, refuseWrite),
  unary(State.method.teardown, refuseWrite),
  unary(State.method.teardownAndDestroy, refuseWrite),
];

type SendWatch = Send<typeof WatchResponseSchema>;
type EventInit = MessageInitShape<typeof EventSchema>;

async function watchKind(node: NodeState, request: WatchRequest, send: SendWatch, call: SimCall): Promise<void> {
  const { options } = request;
  const wanted = createFilter(options?.idQuery, options?.labelQuery ?? []);
  const from = startOf(node, request);
  const bootstrap = options?.bootstrapContents === true ? node.resources.list(request).filter(wanted) : [];
  await send({});
  const initial: EventInit[] = bootstrap.map(found => ({ eventType: EventType.CREATED, resource: toMessage(found) }));
  const done: EventInit = {
    eventType: EventType.BOOTSTRAPPED,
    resource: tombstone(node, { ...request, id: '' }),
    bookmark: node.resources.bookmark(from - 1),
  };
  // Clients from before version 1 of this API do not know the end-of-bootstrap event.
  if (options?.bootstrapContents === true && request.apiVersion >= 1) initial.push(done);
  if (options?.bootstrapBookmark === true) {
    initial.push({ ...done, eventType: EventType.NOOP });
  }
  if (options?.aggregated === true && initial.length > 0) await send({ event: initial });
  else for (const event of initial) await send({ event: [event] });
  for await (const change of node.resources.watch(request, from, call.signal)) {
    if (wanted(change.resource)) await send({ event: [eventOf(node, change)] });
  }
}

async function watchOne(
  node: NodeState,
  request: WatchRequest,
  id: string,
  send: SendWatch,
  call: SimCall,
): Promise<void> {
  const { options } = request;
  if (options?.bootstrapContents === true) {
    throw new SimStatus('UNIMPLEMENTED', 'bootstrap contents is not implemented for resource watch');
  }
  if ((options?.labelQuery.length ?? 0) > 0) {
    throw new SimStatus('UNIMPLEMENTED', 'label query is not implemented for resource watch');
  }
  const from = startOf(node, request);
  const fresh = (options?.tailEvents ?? 0) <= 0 && options?.startFromBookmark === undefined;
  const current = node.resources.get({ ...request, id });
  await send({});
  if (fresh) {
    const event: EventInit =
      current === undefined
        ? { eventType: EventType.DESTROYED, resource: tombstone(node, { ...request, id }) }
        : { eventType: EventType.CREATED, resource: toMessage(current) };
    await send({ event: [event] });
  }
  for await (const change of node.resources.watch(request, from, call.signal)) {
    if (change.resource.id === id) await send({ event: [eventOf(node, change)] });
  }
}

/** Where a watch begins. A bookmark of another boot is FAILED_PRECONDITION, which ends the client's retries. */
function startOf(node: NodeState, request: WatchRequest): number {
  const { options } = request;
  if (options?.startFromBookmark !== undefined) {
    const position = node.resources.resolve(options.startFromBookmark);
    if (position === undefined) throw new SimStatus('FAILED_PRECONDITION', 'invalid watch bookmark');
    return position;
  }
  const count = options?.tailEvents ?? 0;
  return count > 0 ? node.resources.tail(request, request.id, count) : node.resources.position;
}

const eventTypes = {
  created: EventType.CREATED,
  updated: EventType.UPDATED,
  destroyed: EventType.DESTROYED,
} as const;

function eventOf(node: NodeState, change: Change): EventInit {
  return {
    eventType: eventTypes[change.kind],
    resource: toMessage(change.resource),
    bookmark: node.resources.bookmark(change.position),
    ...(change.old === undefined ? {} : { old: toMessage(change.old) }),
  };
}

function toMessage(found: StoredResource) {
  const { namespace, type, id, owner, annotations, spec } = found;
  return create(ResourceSchema, {
    metadata: {
      ...{ namespace, type, id, owner, annotations },
      version: String(found.version),
      phase: 'running',
      created: timestampFromMs(found.created),
      updated: timestampFromMs(found.updated),
    },
    spec: { protoSpec: spec.proto, yamlSpec: spec.yaml },
  });
}

/** Stands for a resource that is not there. */
function tombstone(node: NodeState, key: { readonly namespace: string; readonly type: string; readonly id: string }) {
  const now = timestampFromMs(node.clock.now());
  const { namespace, type, id } = key;
  return create(ResourceSchema, {
    metadata: { namespace, type, id, version: 'undefined', phase: 'running', created: now, updated: now },
    spec: {},
  });
}
