import { fromBinary } from '@bufbuild/protobuf';
import type { Clock } from '../core/clock.ts';
import { GateError } from '../core/gate-error.ts';
import type { Target } from '../core/target.ts';
import { VersionResponseSchema } from '../gen/machine/machine_pb.js';
import type { Channels } from './connections.ts';
import { ownCall } from './own-call.ts';

/** Which Talos each node runs. */
export interface NodeVersions {
  /**
   * The version that the node states (v1.13.9), connecting when needed; undefined when it cannot be learned within
   * about five seconds. Rejects only with the reason of the signal.
   */
  of(target: Target, signal?: AbortSignal): Promise<string | undefined>;
}

export interface NodeVersionsOptions {
  readonly channels: Pick<Channels, 'peek' | 'acquire'>;
  readonly clock: Clock;
  /** Called when a version was learned, or with the error why not. */
  readonly onAnswer?: (target: Target, answer: { version: string } | { error: GateError }) => void;
}

/** Longest wait for the node's answer, milliseconds. */
const timeoutMs = 2000;

/** How long an answer counts, milliseconds. A node that was upgraded has a new connection, unless others stand between. */
const validMs = 60_000;

interface Memo {
  readonly version: Promise<string | undefined>;
  readonly at: number;
}

/**
 * Asks nodes for their version with the gateway's own credential when somebody needs to know, once for each connection
 * and minute. A failure is not remembered.
 */
export function createNodeVersions(options: NodeVersionsOptions): NodeVersions {
  const { channels, clock, onAnswer } = options;
  const known = new WeakMap<object, Map<string, Memo>>();
  return {
    of: async (target, signal) => {
      const channel = channels.peek(target) ?? (await reach(channels, target, signal));
      if (channel === undefined) return undefined;
      const memos = known.get(channel.connection) ?? new Map<string, Memo>();
      known.set(channel.connection, memos);
      const memo = memos.get(target.node);
      if (memo !== undefined && clock.now() - memo.at < validMs) return await memo.version;
      // Not under the caller's signal: others may wait for the same answer.
      const asked = ownCall(channel, { path: versionPath, request: new Uint8Array(), timeoutMs }).then(readTag);
      const version = asked.then(
        tag => {
          onAnswer?.(target, { version: tag });
          return tag;
        },
        (error: unknown) => {
          memos.delete(target.node);
          onAnswer?.(target, { error: GateError.from(error) });
          return undefined;
        },
      );
      memos.set(target.node, { version, at: clock.now() });
      const answer = await version;
      signal?.throwIfAborted();
      return answer;
    },
  };
}

const versionPath = '/machine.MachineService/Version';

async function reach(
  channels: NodeVersionsOptions['channels'],
  target: Target,
  signal: AbortSignal | undefined,
): Promise<Awaited<ReturnType<Channels['acquire']>> | undefined> {
  try {
    return await channels.acquire(target, signal);
  } catch (error) {
    if (signal?.aborted === true) throw error;
    return undefined;
  }
}

function readTag(replies: readonly Buffer[]): string {
  const tag = fromBinary(VersionResponseSchema, replies[0] ?? new Uint8Array()).messages[0]?.version?.tag ?? '';
  if (tag === '') throw new GateError('upstream-unavailable', 'the node states no version');
  return tag;
}
