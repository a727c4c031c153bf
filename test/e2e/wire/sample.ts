import { create, type DescMessage, type DescMethod, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import type { GrpcCodeName } from '../../../src/core/grpc.ts';

export interface SampleOptions {
  /** Which nodes serve the method: all, or only those of the control plane. */
  readonly on?: 'any' | 'controlplane';
  /** The reply has no end of its own: so many messages come from each node, then the caller leaves. */
  readonly take?: number;
  /** What the node itself says to this request, where no request of ours can succeed, and why. */
  readonly refused?: { readonly code: GrpcCodeName; readonly because: string };
  /** Sent straight to the node before each call, so that there is something to work on. */
  readonly prepare?: readonly Sample[];
}

/** One valid call of one method. */
export interface Sample extends SampleOptions {
  readonly path: string;
  /** Encoded request messages, more than one only where the caller streams. */
  readonly requests: readonly Buffer[];
  /** Callers of a terminal keep their side open. */
  readonly halfCloses: boolean;
}

/** A call of a method of `src/gen` with one request, or with several where the caller streams. */
export function sample<I extends DescMessage>(
  method: DescMethod & { readonly input: I },
  request: MessageInitShape<I> | readonly MessageInitShape<I>[] = {} as MessageInitShape<I>,
  options: SampleOptions = {},
): Sample {
  const requests = (Array.isArray(request) ? request : [request]) as readonly MessageInitShape<I>[];
  return {
    ...options,
    path: `/${method.parent.typeName}/${method.name}`,
    requests: requests.map(init => Buffer.from(toBinary(method.input, create(method.input, init)))),
    halfCloses: method.methodKind !== 'bidi_streaming',
  };
}
