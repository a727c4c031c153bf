import type { Clock } from '../core/clock.ts';
import { randomUuid } from './ids.ts';

/** Stages of a machine, in the words of the MachineStatus resource. */
export type MachineStage = 'booting' | 'running' | 'rebooting' | 'shutting down' | 'resetting' | 'upgrading';

/** What changes with each boot, and what the boot loader remembers. */
export class Machine {
  readonly #clock: Clock;
  stage: MachineStage = 'running';
  ready = true;
  talosVersion: string;
  /** Version that an upgrade put on disk for the next boot. */
  nextVersion: string | undefined;
  /** Version of the other boot slot. */
  previousVersion: string | undefined;
  #bootId: string;
  #bootedAt: number;

  constructor(clock: Clock, talosVersion: string) {
    this.#clock = clock;
    this.talosVersion = talosVersion;
    this.#bootId = randomUuid(clock);
    // A node that was just made looks as if it had been up for a while.
    this.#bootedAt = clock.now() - 3 * 60 * 60 * 1000;
  }

  /** `/proc/sys/kernel/random/boot_id`. */
  get bootId(): string {
    return this.#bootId;
  }

  /** Milliseconds since the epoch. */
  get bootedAt(): number {
    return this.#bootedAt;
  }

  /** Seconds since boot, with a fraction. */
  get uptime(): number {
    return Math.max(0, this.#clock.now() - this.#bootedAt) / 1000;
  }

  boot(): void {
    this.#bootId = randomUuid(this.#clock);
    this.#bootedAt = this.#clock.now();
    if (this.nextVersion !== undefined) {
      this.previousVersion = this.talosVersion;
      this.talosVersion = this.nextVersion;
      this.nextVersion = undefined;
    }
  }
}
