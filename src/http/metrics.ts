import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { CallObservation } from '../core/observation.ts';

export interface MetricsSources {
  readonly auditQueue: () => number;
  readonly auditHealthy: () => boolean;
  readonly openCalls: () => number;
}

export interface Metrics {
  readonly registry: Registry;
  observe(call: CallObservation): void;
  policyLoad(ok: boolean): void;
}

/**
 * Prometheus metrics. Labels come from closed lists only: never a person, a node's answer or anything a caller may
 * choose, so that the page can stay readable without a credential and cannot be blown up from outside.
 */
export function createMetrics(sources: MetricsSources): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'talosgate_' });
  const calls = new Counter({
    name: 'talosgate_calls_total',
    help: 'Machine-API calls by action, decision and gRPC code.',
    labelNames: ['action', 'decision', 'code'],
    registers: [registry],
  });
  const refusals = new Counter({
    name: 'talosgate_refusals_total',
    help: 'Refused calls by reason.',
    labelNames: ['reason'],
    registers: [registry],
  });
  const seconds = new Histogram({
    name: 'talosgate_call_seconds',
    help: 'Time from receiving a call to its end, by risk class.',
    labelNames: ['risk'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30],
    registers: [registry],
  });
  const intents = new Histogram({
    name: 'talosgate_audit_intent_seconds',
    help: 'Time that calls waited for their intent to be durable.',
    buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2],
    registers: [registry],
  });
  const loads = new Counter({
    name: 'talosgate_policy_loads_total',
    help: 'Policy loads by result.',
    labelNames: ['result'],
    registers: [registry],
  });
  gauge(registry, 'talosgate_audit_queue', 'Audit records waiting to be durable.', sources.auditQueue);
  gauge(registry, 'talosgate_audit_up', '1 while audit records can be written.', () => Number(sources.auditHealthy()));
  gauge(registry, 'talosgate_open_calls', 'Calls in progress.', sources.openCalls);
  return {
    registry,
    observe: call => {
      calls.inc({ action: call.action, decision: call.decision, code: call.code });
      if (call.reason !== undefined) refusals.inc({ reason: call.reason });
      seconds.observe({ risk: call.risk }, call.seconds);
      if (call.intentSeconds !== undefined) intents.observe(call.intentSeconds);
    },
    policyLoad: ok => loads.inc({ result: ok ? 'activated' : 'refused' }),
  };
}

function gauge(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
}
