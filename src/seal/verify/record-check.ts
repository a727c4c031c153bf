import type { Body, Say } from './body.ts';
import { BootCheck } from './boot-check.ts';
import { firstOddColumn } from './columns.ts';
import type { Findings } from './findings.ts';
import { GrantCheck } from './grant-check.ts';
import { SessionCheck } from './session-check.ts';
import type { LogEntry } from './source.ts';

/**
 * What must hold of the records themselves, one after the other: columns are copies of the body, boots count and end, every
 * intent ends in one way, approvals and recordings are whole. Memory grows with open calls, boots, approvals and sessions.
 */
export class RecordCheck {
  readonly #findings: Findings;
  readonly #boots: BootCheck;
  readonly #grants: GrantCheck;
  readonly sessions: SessionCheck;
  /** Calls without an end yet: the boot and the index of the intent. */
  readonly #open = new Map<string, { readonly boot: string; readonly idx: number }>();
  /** Calls that ended in an unknown; one outcome may still follow, marked late. */
  readonly #unknown = new Set<string>();
  readonly forks = new Map<number, Body>();
  readonly prunes: Body[] = [];
  /** True when the log begins later than with record 0: what began before is not known. */
  readonly #pruned: boolean;
  #time = 0;

  constructor(findings: Findings, pruned: boolean) {
    this.#findings = findings;
    this.#pruned = pruned;
    this.#boots = new BootCheck(findings, pruned);
    this.#grants = new GrantCheck(pruned);
    this.sessions = new SessionCheck(findings, pruned);
  }

  /** Claimed time of the newest record, milliseconds since the epoch. */
  get time(): number {
    return this.#time;
  }

  /** Checks one record, and gives its claimed time. */
  check(entry: LogEntry): number {
    const body = parse(entry.body);
    if (body === undefined) {
      this.#findings.add({ kind: 'altered', index: entry.idx, text: `record ${entry.idx}: the body is not readable` });
      return this.#time;
    }
    const boot = String(body['bootId']);
    const wseq = Number(body['wseq']);
    const time = Date.parse(String(body['time']));
    const say: Say = (kind, text) =>
      this.#findings.add({ kind, index: entry.idx, boot, wseq, text: `record ${entry.idx}: ${text}` });
    if (entry.columns !== undefined) {
      const odd = firstOddColumn(entry.columns, body);
      if (odd !== undefined) say('altered', `column ${odd} is not what the body says`);
    }
    this.#boots.take(entry.idx, boot, wseq, time, body, say);
    this.#grants.take(body, say);
    this.#checkCall(entry, boot, body, say);
    if (body['kind'] === 'audit.fork') this.forks.set(entry.idx, body);
    if (body['kind'] === 'audit.prune') this.prunes.push(body);
    this.sessions.take(entry.idx, body, say);
    if (Number.isFinite(time)) this.#time = Math.max(this.#time, time);
    return time;
  }

  /** To be called after the last record. */
  finish(): void {
    this.#boots.finish();
    for (const [call, { boot, idx }] of this.#open) {
      const wseq = this.#boots.overAt(boot, this.#time);
      if (wseq === undefined) continue;
      const text = `record ${idx}: the call ${call.split('/')[0] ?? ''} has no end, though its boot is over`;
      this.#findings.add({ kind: 'gap', index: idx, boot, wseq, text });
    }
  }

  #checkCall(entry: LogEntry, boot: string, body: Body, say: Say): void {
    const late = entry.columns?.['late'];
    const kind = body['kind'];
    const isLate = (expected: boolean): void => {
      if (late !== undefined && late !== expected) say('altered', `late should be ${String(expected)}`);
    };
    if (
      body['callId'] === undefined ||
      (kind !== 'call.intent' && kind !== 'call.outcome' && kind !== 'call.unknown')
    ) {
      isLate(false);
      return;
    }
    const leg = typeof body['leg'] === 'string' ? body['leg'] : '0';
    const call = `${typeof body['callId'] === 'string' ? body['callId'] : ''}/${leg}`;
    if (kind === 'call.intent') {
      if (this.#open.has(call) || this.#unknown.has(call)) say('altered', 'the call has an intent already');
      this.#open.set(call, { boot, idx: entry.idx });
      isLate(false);
      return;
    }
    const wasOpen = this.#open.delete(call);
    if (kind === 'call.unknown') {
      if (!wasOpen && !this.#pruned) say('gap', 'the call has an end and no intent');
      this.#unknown.add(call);
      isLate(false);
      return;
    }
    const isSecond = this.#unknown.delete(call);
    if (!wasOpen && !isSecond && !this.#pruned && late !== true) say('gap', 'the call has an outcome and no intent');
    if (!this.#pruned) isLate(!wasOpen);
  }
}

function parse(body: Buffer): Body | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Body) : undefined;
  } catch {
    return undefined;
  }
}
