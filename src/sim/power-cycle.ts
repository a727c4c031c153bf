import type { NodeState } from './node.ts';
import type { Power, PowerAction } from './power.ts';
import { leaving, publishPhase, publishSequence, publishStage } from './sequences.ts';
import { pause } from './sim-call.ts';

/** A `Power` that a node's owner can also stop. */
export interface OwnedPower extends Power {
  /** Forgets what was under way; the node stays as it is now. */
  cancel(): void;
}

/** The node's switch: goes down after `timing.shutdown`, comes back after `timing.away`, is ready after `timing.boot`. */
export function createPower(o: {
  readonly state: () => NodeState;
  /** Takes no calls any more, lets those that run go on for `timing.grace`, then is gone. */
  readonly goDown: (signal: AbortSignal) => Promise<void>;
  readonly comeUp: () => Promise<void>;
}): OwnedPower {
  let current: AbortController | undefined;
  const run = (steps: (signal: AbortSignal) => Promise<void>): void => {
    current?.abort();
    current = new AbortController();
    // Fails when it is cancelled, or when the port is lost for good; the node stays away then, which `up` shows.
    steps(current.signal).catch(() => undefined);
  };
  const leave = async (actor: string, action: PowerAction, signal: AbortSignal): Promise<void> => {
    await announce(o.state(), actor, action, signal);
    await o.goDown(signal);
  };
  return {
    reboot(actor, action = 'reboot') {
      run(async signal => {
        const state = o.state();
        await leave(actor, action, signal);
        await pause(state.settings.timing.away, signal);
        state.boot();
        await o.comeUp();
        await pause(state.settings.timing.boot, signal);
        state.setStage('running', true);
      });
    },
    off(actor, action) {
      run(signal => leave(actor, action, signal));
    },
    cancel() {
      current?.abort();
      current = undefined;
    },
  };
}

const stages = { reboot: 'rebooting', shutdown: 'shutting down', reset: 'resetting', upgrade: 'upgrading' } as const;

/** The events of a node that is about to go, spread over `timing.shutdown`. */
async function announce(state: NodeState, actor: string, action: PowerAction, signal: AbortSignal): Promise<void> {
  const phases = leaving[action];
  const step = state.settings.timing.shutdown / (phases.length + 1);
  state.setStage(stages[action], false);
  publishStage(state.events, stages[action], false, actor);
  publishSequence(state.events, action, 'START', actor);
  for (const phase of phases) {
    await pause(step, signal);
    publishPhase(state.events, phase, actor);
  }
  await pause(step, signal);
}
