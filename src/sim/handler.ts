import {
  create,
  type DescMessage,
  type DescMethodBiDiStreaming,
  type DescMethodClientStreaming,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { pathOf } from './methods.ts';
import type { NodeState } from './node.ts';
import { type SimCall, SimStatus } from './sim-call.ts';

/** What a node does for one method. */
export interface HandlerEntry {
  readonly path: string;
  readonly handle: (node: NodeState, call: SimCall) => Promise<void>;
}

/** Sends one reply of a stream. Resolves when the transport took it. */
export type Send<O extends DescMessage> = (reply: MessageInitShape<O>) => Promise<void>;
/** Next request of a stream, undefined after half-close. */
export type Receive<I extends DescMessage> = () => Promise<MessageShape<I> | undefined>;

/** One request, one reply. */
export function unary<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  answer: (
    node: NodeState,
    request: MessageShape<I>,
    call: SimCall,
  ) => MessageInitShape<O> | Promise<MessageInitShape<O>>,
): HandlerEntry {
  return entry(method, async (node, call) => {
    const reply = await answer(node, await only(method.input, call), call);
    await sender(method.output, call)(reply);
  });
}

/** One request, any number of replies. */
export function serverStream<I extends DescMessage, O extends DescMessage>(
  method: DescMethodServerStreaming<I, O>,
  answer: (node: NodeState, request: MessageShape<I>, send: Send<O>, call: SimCall) => Promise<void>,
): HandlerEntry {
  return entry(method, async (node, call) => {
    await answer(node, await only(method.input, call), sender(method.output, call), call);
  });
}

/** Any number of requests, one reply. */
export function clientStream<I extends DescMessage, O extends DescMessage>(
  method: DescMethodClientStreaming<I, O>,
  answer: (node: NodeState, receive: Receive<I>, call: SimCall) => Promise<MessageInitShape<O>>,
): HandlerEntry {
  return entry(method, async (node, call) => {
    const reply = await answer(node, receiver(method.input, call), call);
    await sender(method.output, call)(reply);
  });
}

/** Both sides talk as they like. */
export function bidiStream<I extends DescMessage, O extends DescMessage>(
  method: DescMethodBiDiStreaming<I, O>,
  answer: (node: NodeState, receive: Receive<I>, send: Send<O>, call: SimCall) => Promise<void>,
): HandlerEntry {
  return entry(method, (node, call) => answer(node, receiver(method.input, call), sender(method.output, call), call));
}

function entry(method: Parameters<typeof pathOf>[0], handle: HandlerEntry['handle']): HandlerEntry {
  return { path: pathOf(method), handle };
}

async function only<I extends DescMessage>(input: I, call: SimCall): Promise<MessageShape<I>> {
  const request = await receiver(input, call)();
  if (request === undefined) throw new SimStatus('INTERNAL', 'a request message is missing');
  return request;
}

function receiver<I extends DescMessage>(input: I, call: SimCall): Receive<I> {
  return async () => {
    const bytes = await call.read();
    if (bytes === undefined) return undefined;
    try {
      return fromBinary(input, bytes);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new SimStatus('INTERNAL', `grpc: error unmarshalling request: ${reason}`);
    }
  };
}

function sender<O extends DescMessage>(output: O, call: SimCall): Send<O> {
  return reply => call.send(toBinary(output, create(output, reply)));
}
