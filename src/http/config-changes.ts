import type { AuditEntry } from '../core/audit-entry.ts';
import type { ConfigChangeBody } from './schemas.ts';

/** Tells each change of a configuration from its records: the intent or refusal, and the end where there is one yet. */
export function configChanges(entries: readonly AuditEntry[]): ConfigChangeBody[] {
  const ends = new Map<string, AuditEntry>();
  for (const entry of entries) {
    const { kind } = entry.record;
    if (kind === 'call.outcome' || kind === 'call.unknown') ends.set(legOf(entry), entry);
  }
  return entries
    .filter(({ record }) => record.kind === 'call.intent' || record.kind === 'call.deny')
    .map(entry => toChange(entry, ends.get(legOf(entry))));
}

function legOf({ record }: AuditEntry): string {
  return `${record.callId ?? ''} ${record.leg ?? 0}`;
}

function toChange({ index, time, record }: AuditEntry, end: AuditEntry | undefined): ConfigChangeBody {
  const details = record.details ?? {};
  const text = (name: string): string => {
    const value = details[name];
    return typeof value === 'string' ? value : '';
  };
  const { changes } = details;
  const mode = record.request?.['mode'];
  const dryRun = record.request?.['dry_run'] === true;
  return {
    index,
    time: new Date(time).toISOString(),
    call: record.callId ?? '',
    who: record.principal ?? '',
    cluster: record.cluster ?? '',
    node: record.node ?? '',
    mode: typeof mode === 'string' ? mode : '',
    dryRun,
    result: record.kind === 'call.deny' ? 'refused' : resultOf(end, dryRun, mode === 'try'),
    config: text('config'),
    hash: text('configHash'),
    against: text('against'),
    count: Number(text('count') || 0),
    changes: Array.isArray(changes) ? [...(changes as readonly unknown[])] : [],
    why: text('why'),
  };
}

function resultOf(end: AuditEntry | undefined, dryRun: boolean, trial: boolean): string {
  if (end === undefined) return 'running';
  if (end.record.kind === 'call.unknown') return 'unknown';
  if (end.record.endCause === 'not-forwarded') return 'not-forwarded';
  if (end.record.grpcCode !== 0) return 'failed';
  if (dryRun) return 'dry-run';
  return trial ? 'tried' : 'applied';
}
