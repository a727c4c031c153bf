import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { MachineService } from '../gen/machine/machine_pb.js';
import { unary } from './handler.ts';
import type { ServiceStatus } from './service-table.ts';

/** `talosctl service` and its sub-calls. */
export const serviceHandlers = [
  unary(MachineService.method.serviceList, node => ({
    messages: [{ services: node.services.list().map(describe) }],
  })),
  unary(MachineService.method.serviceStart, (node, { id }) => {
    node.services.start(id);
    return { messages: [{ resp: `Service "${id}" started` }] };
  }),
  unary(MachineService.method.serviceStop, (node, { id }) => {
    node.services.stop(id);
    return { messages: [{ resp: `Service "${id}" stopped` }] };
  }),
  unary(MachineService.method.serviceRestart, (node, { id }) => {
    node.services.restart(id);
    return { messages: [{ resp: `Service "${id}" restarted` }] };
  }),
];

function describe({ id, state, healthy, lastChange, history }: ServiceStatus) {
  return {
    ...{ id, state },
    events: {
      events: history.map(event => ({ msg: event.message, state: event.state, ts: timestampFromMs(event.at) })),
    },
    health: { unknown: false, healthy, lastMessage: '', lastChange: timestampFromMs(lastChange) },
  };
}
