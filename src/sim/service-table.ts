import type { Clock } from '../core/clock.ts';
import type { EventLog } from './event-log.ts';
import { publishService } from './sequences.ts';
import { extensionService } from './services-data.ts';
import { SimStatus } from './sim-call.ts';

export interface ServiceEvent {
  readonly message: string;
  readonly state: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export interface ServiceStatus {
  readonly id: string;
  readonly state: 'Running' | 'Finished';
  readonly healthy: boolean;
  readonly lastChange: number;
  readonly history: readonly ServiceEvent[];
}

/** What the API may do with which service (talos internal/app/machined/pkg/system/services). */
const allowed = {
  start: new Set(['kubelet', extensionService]),
  stop: new Set([extensionService]),
  restart: new Set(['kubelet', extensionService]),
} as const;
const keptEvents = 64;

/** The services of a node and what became of them since boot. */
export class ServiceTable {
  readonly #clock: Clock;
  readonly #events: EventLog;
  readonly #changed: () => void;
  readonly #services = new Map<string, ServiceStatus>();

  /** `changed` is told after each change. */
  constructor(clock: Clock, events: EventLog, changed: () => void) {
    this.#clock = clock;
    this.#events = events;
    this.#changed = changed;
  }

  list(): readonly ServiceStatus[] {
    return [...this.#services.values()];
  }

  /** Spec of the Service resource. */
  resourceOf(id: string): { readonly running: boolean; readonly healthy: boolean; readonly unknown: boolean } {
    const service = this.#services.get(id);
    const running = service?.state === 'Running';
    return { running, healthy: running, unknown: service === undefined };
  }

  /** A boot: all services come up. */
  boot(ids: readonly string[], bootedAt: number): void {
    this.#services.clear();
    for (const id of ids) {
      const history = ['Preparing', 'Running', 'Running'].map((state, index) => ({
        message: ['Running pre state', `Started task ${id}`, 'Health check successful'][index] ?? '',
        state,
        at: bootedAt + 4000 + index * 900,
      }));
      this.#services.set(id, { id, state: 'Running', healthy: true, lastChange: bootedAt + 5800, history });
    }
  }

  start(id: string): void {
    const service = this.#find(id, 'start');
    if (service.state === 'Running') return;
    this.#change(service, 'Running', `Started task ${id} (PID 4711) for container ${id}`);
    this.#change(this.#find(id, 'start'), 'Running', 'Health check successful');
  }

  stop(id: string): void {
    const service = this.#find(id, 'stop');
    this.#change(service, 'Finished', 'Service finished successfully');
  }

  restart(id: string): void {
    const service = this.#find(id, 'restart');
    this.#change(service, 'Finished', 'Service finished successfully');
    this.#change(this.#find(id, 'restart'), 'Running', `Started task ${id} (PID 4712) for container ${id}`);
    this.#change(this.#find(id, 'restart'), 'Running', 'Health check successful');
  }

  #find(id: string, verb: keyof typeof allowed): ServiceStatus {
    const service = this.#services.get(id);
    if (service === undefined) throw new SimStatus('UNKNOWN', `service "${id}" not defined`);
    if (!allowed[verb].has(id)) {
      throw new SimStatus('UNKNOWN', `service "${id}" doesn't support ${verb} operation via API`);
    }
    return service;
  }

  #change(service: ServiceStatus, state: ServiceStatus['state'], message: string): void {
    const at = this.#clock.now();
    const history = [...service.history, { message, state, at }].slice(-keptEvents);
    const healthy = state === 'Running';
    this.#services.set(service.id, { ...service, state, healthy, lastChange: at, history });
    publishService(this.#events, service.id, state === 'Running' ? 'RUNNING' : 'FINISHED', message, healthy);
    this.#changed();
  }
}
