// Child process: the project's own listener and upstream relay with nothing between them. What policy, identity and
// audit cost is told by the distance to this.
import { systemClock } from '../../../src/core/clock.ts';
import { GateError } from '../../../src/core/gate-error.ts';
import { statusOf } from '../../../src/core/grpc-status.ts';
import { type IncomingCall, startListener } from '../../../src/gateway/listener.ts';
import { refuse } from '../../../src/gateway/respond.ts';
import { upstreamHeaders } from '../../../src/upstream/metadata.ts';
import { relay } from '../../../src/upstream/relay.ts';
import { serveParent, subjectSettings } from '../child.ts';
import { nodeChannels, nodeTarget, readDoor } from './door.ts';

const settings = subjectSettings();
const channels = nodeChannels(settings);
const target = nodeTarget(settings);

async function pass(call: IncomingCall): Promise<void> {
  const { stream, head } = call;
  const body = call.openBody('unary');
  const channel = channels.peek(target) ?? (await channels.acquire(target));
  await relay({
    downstream: stream,
    channel,
    headers: upstreamHeaders({ path: head.path, authority: target.node, callId: 'bare', roles: ['os:reader'] }),
    firstFrame: undefined,
    body,
    clock: systemClock,
  });
}

const listener = await startListener({
  address: '127.0.0.1:0',
  tls: readDoor(settings),
  clock: systemClock,
  onCall: call => {
    pass(call).catch((thrown: unknown) => refuse(call.stream, statusOf(GateError.from(thrown))));
  },
});
serveParent({ port: listener.port });
