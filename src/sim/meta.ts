import { MachineService } from '../gen/machine/machine_pb.js';
import { unary } from './handler.ts';
import { SimStatus } from './sim-call.ts';

/** `talosctl meta`: values that outlive a reboot. */
export const metaHandlers = [
  unary(MachineService.method.metaWrite, (node, { key, value }) => {
    assertKey(key);
    node.meta.set(key, value);
    node.publish();
    return { messages: [{}] };
  }),
  unary(MachineService.method.metaDelete, (node, { key }) => {
    assertKey(key);
    if (!node.meta.delete(key)) throw new SimStatus('NOT_FOUND', 'meta key not found');
    node.publish();
    return { messages: [{}] };
  }),
];

function assertKey(key: number): void {
  if (key > 255) throw new SimStatus('INVALID_ARGUMENT', 'key must be a uint8');
}
