import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { SinkState, SinkStatus } from '../core/export-sink.ts';
import type { CallObservation } from '../core/observation.ts';

export interface MetricsSources {
  readonly auditQueue: () => number;
  readonly auditHealthy: () => boolean;
  readonly openCalls: () => number;
  readonly exportSinks: () => readonly SinkStatus[];
  /** Undefined until the database has answered. */
  readonly retention: () => { readonly over: number; readonly ahead: number } | undefined;
  /** Undefined where the log is not sealed. */
  readonly sealing: () => SealingFigures | undefined;
}

/** What the metrics page shows of the signed tree over the log. */
export interface SealingFigures {
  readonly size: number;
  readonly lagSeconds: number;
  readonly fork: string | undefined;
  readonly signs: boolean;
  readonly unchecked: number;
  readonly witnesses: readonly { readonly size: number; readonly answeredAt: number | undefined }[];
}

export interface Metrics {
  readonly registry: Registry;
  observe(call: CallObservation): void;
  policyLoad(ok: boolean): void;
  outcomePending(): void;
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
  const pending = new Counter({
    name: 'talosgate_audit_outcomes_pending_total',
    help: 'Calls that changed or revealed something and got their status before their outcome was durable.',
    registers: [registry],
  });
  gauge(registry, 'talosgate_audit_queue', 'Audit records waiting to be durable.', sources.auditQueue);
  gauge(registry, 'talosgate_audit_up', '1 while audit records can be written.', () => Number(sources.auditHealthy()));
  gauge(registry, 'talosgate_open_calls', 'Calls in progress.', sources.openCalls);
  gauge(
    registry,
    'talosgate_audit_records_past_retention',
    'Audit records that are older than audit.retention.',
    () => sources.retention()?.over ?? Number.NaN,
  );
  gauge(
    registry,
    'talosgate_audit_partitions_ahead',
    'Whole partitions of the audit log ahead of the one being filled. Alarm below 2.',
    () => sources.retention()?.ahead ?? Number.NaN,
  );
  sealingGauges(registry, sources.sealing);
  sinkGauge(
    registry,
    'talosgate_export_lag_records',
    'Audit records that a receiver has not got yet.',
    sources,
    one => one.lag,
  );
  sinkGauge(
    registry,
    'talosgate_export_state',
    'Receivers of the audit log: 0 running, 1 failing, 2 stopped.',
    sources,
    one => sinkStates[one.state],
  );
  return {
    registry,
    observe: call => {
      calls.inc({ action: call.action, decision: call.decision, code: call.code });
      if (call.reason !== undefined) refusals.inc({ reason: call.reason });
      seconds.observe({ risk: call.risk }, call.seconds);
      if (call.intentSeconds !== undefined) intents.observe(call.intentSeconds);
    },
    policyLoad: ok => loads.inc({ result: ok ? 'activated' : 'refused' }),
    outcomePending: () => pending.inc(),
  };
}

const sinkStates = { running: 0, failing: 1, stopped: 2 } as const satisfies Record<SinkState, number>;

/** One value for each configured receiver, by the name it has in the settings. */
function sinkGauge(
  registry: Registry,
  name: string,
  help: string,
  sources: MetricsSources,
  read: (status: SinkStatus) => number,
): void {
  new Gauge({
    name,
    help,
    labelNames: ['sink'],
    registers: [registry],
    collect() {
      this.reset();
      for (const status of sources.exportSinks()) this.set({ sink: status.name }, read(status));
    },
  });
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

/** All zero where the log is not sealed. Witnesses are summed up: their names are the operator's, but the page is public. */
function sealingGauges(registry: Registry, read: MetricsSources['sealing']): void {
  const add = (name: string, help: string, value: (figures: SealingFigures) => number): void =>
    gauge(registry, `talosgate_seal_${name}`, help, () => {
      const figures = read();
      return figures === undefined ? 0 : value(figures);
    });
  add('records', 'Audit records that the newest checkpoint covers.', ({ size }) => size);
  add('lag_seconds', 'Age of the oldest own record that no checkpoint covers.', ({ lagSeconds }) => lagSeconds);
  add('forked', '1 when the log is not the one that was signed. Alarm.', ({ fork }) => Number(fork !== undefined));
  add('signing', '1 on the replica that signs.', ({ signs }) => Number(signs));
  add('unchecked', 'Own records that were not kept until a checkpoint covered them.', ({ unchecked }) => unchecked);
  add('witnessed_records', 'Records up to which the least of the witnesses cosigned.', ({ witnesses }) =>
    witnesses.length === 0 ? 0 : Math.min(...witnesses.map(({ size }) => size)),
  );
}
