import { MachineService } from '../gen/machine/machine_pb.js';
import { serverStream } from './handler.ts';
import { eventId } from './ids.ts';
import { SimStatus } from './sim-call.ts';

/** `talosctl events`, and what reboot, upgrade and their like wait on. The first message is an empty greeting. */
export const eventHandlers = [
  serverStream(MachineService.method.events, async (node, request, send, call) => {
    const chosen = [request.tailEvents !== 0, request.tailId !== '', request.tailSeconds !== 0].filter(Boolean);
    await send({ data: { typeUrl: '' }, id: eventId(node.clock, 0), actorId: request.withActorId });
    if (chosen.length > 1) {
      throw new SimStatus(
        'UNKNOWN',
        "WithTailEvents can't be specified at the same time with WithTailID or WithTailDuration",
      );
    }
    const tail = { events: request.tailEvents, afterId: request.tailId, seconds: request.tailSeconds };
    for await (const event of node.events.watch(tail, call.signal)) {
      if (request.withActorId !== '' && event.actorId !== request.withActorId) continue;
      await send({
        id: event.id,
        actorId: event.actorId,
        data: { typeUrl: event.typeUrl, value: event.value },
      });
    }
  }),
];
