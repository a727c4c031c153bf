import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { TimeService } from '../gen/time/time_pb.js';
import { unary } from './handler.ts';
import type { NodeState } from './node.ts';
import { SimStatus } from './sim-call.ts';

/** `talosctl time`. The simulated time server is always four milliseconds ahead. */
export const timeHandlers = [
  unary(TimeService.method.time, node => ask(node, 'time.cloudflare.com')),
  unary(TimeService.method.timeCheck, (node, { server }) => {
    if (server === '') throw new SimStatus('INVALID_ARGUMENT', 'ntp server is required');
    if (/invalid|missing/.test(server)) {
      throw new SimStatus('UNKNOWN', `error querying NTP server "${server}": lookup ${server}: no such host`);
    }
    return ask(node, server);
  }),
];

function ask(node: NodeState, server: string) {
  const now = node.clock.now();
  return { messages: [{ server, localtime: timestampFromMs(now), remotetime: timestampFromMs(now + 4) }] };
}
