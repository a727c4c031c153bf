import type { NodeState } from './node.ts';
import type { Power, PowerAction } from './power.ts';
import { pause } from './sim-call.ts';

/** A `Power` that a node's owner can also stop. */
export interface OwnedPower extends Power {
  /** Forgets what was under way; the node stays as it is now. */
  cancel(): void;
}

/** The node's switch: goes down after `timing.shutdown`, comes back after `timing.away`, is ready after `timing.boot`. */
export function createPower(o: {
  readonly state: () => NodeState;
  readonly goDown: () => Promise<void>;
  readonly comeUp: () => Promise<void>;
}): OwnedPower {
  let current: AbortController | undefined;
  const run = (steps: (signal: AbortSignal) => Promise<void>): void => {
    current?.abort();
    current = new AbortController();
    // The only way to fail is the cancellation above.
    steps(current.signal).catch(() => undefined);
  };
  const leave = async (action: PowerAction, signal: AbortSignal): Promise<void> => {
    const { machine, settings } = o.state();
    machine.stage = stages[action];
    machine.ready = false;
    await pause(settings.timing.shutdown, signal);
    await o.goDown();
  };
  return {
    reboot(_actor, action = 'reboot') {
      run(async signal => {
        const state = o.state();
        await leave(action, signal);
        await pause(state.settings.timing.away, signal);
        state.boot();
        state.machine.stage = 'booting';
        await o.comeUp();
        await pause(state.settings.timing.boot, signal);
        state.machine.stage = 'running';
        state.machine.ready = true;
      });
    },
    off(_actor, action) {
      run(signal => leave(action, signal));
    },
    cancel() {
      current?.abort();
      current = undefined;
    },
  };
}

const stages = {
  reboot: 'rebooting',
  shutdown: 'shutting down',
  reset: 'resetting',
  upgrade: 'upgrading',
} as const;
