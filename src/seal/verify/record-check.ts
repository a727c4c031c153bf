import { firstOddColumn } from './columns.ts';
import type { Findings } from './findings.ts';
import type { LogEntry } from './source.ts';

/** How far a boot has come. */
interface Boot {
  wseq: number;
  ended: 'closed' | 'lost' | undefined;
  /** Time of its end, as claimed. */
  endedAt: number;
}

type Body = Readonly<Record<string, unknown>>;

/** How long after the end of its process an intent may stay without an end, milliseconds. */
const reapMs = 300_000;

/**
 * What must hold of the records themselves, one after the other: columns are copies of the body, counters of each boot
 * have no gap, boots begin and end once, and every intent ends in one way. Memory grows with open calls and boots only.
 */
export class RecordCheck {
  readonly #findings: Findings;
  readonly #boots = new Map<string, Boot>();
  /** Calls without an end yet: the boot and the index of the intent. */
  readonly #open = new Map<string, { readonly boot: string; readonly idx: number }>();
  /** Calls that ended in an unknown; one outcome may still follow, marked late. */
  readonly #unknown = new Set<string>();
  readonly #claims = new Map<string, number>();
  readonly forks = new Map<number, Body>();
  readonly prunes: Body[] = [];
  /** True when the log begins later than with record 0: what began before is not known. */
  readonly #pruned: boolean;
  #time = 0;

  constructor(findings: Findings, pruned: boolean) {
    this.#findings = findings;
    this.#pruned = pruned;
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
    const say = (kind: 'altered' | 'gap', text: string): void =>
      this.#findings.add({ kind, index: entry.idx, boot, wseq, text: `record ${entry.idx}: ${text}` });
    if (entry.columns !== undefined) {
      const odd = firstOddColumn(entry.columns, body);
      if (odd !== undefined) say('altered', `column ${odd} is not what the body says`);
    }
    this.#checkBoot(boot, wseq, body, say);
    this.#checkCall(entry, boot, body, say);
    if (body['kind'] === 'audit.fork') this.forks.set(entry.idx, body);
    if (body['kind'] === 'audit.prune') this.prunes.push(body);
    const time = Date.parse(String(body['time']));
    if (Number.isFinite(time)) this.#time = Math.max(this.#time, time);
    return time;
  }

  /** To be called after the last record. */
  finish(): void {
    for (const [call, { boot, idx }] of this.#open) {
      const known = this.#boots.get(boot);
      if (known?.ended === undefined || this.#time - known.endedAt < reapMs) continue;
      const wseq = known.wseq;
      const text = `record ${idx}: the call ${call.split('/')[0] ?? ''} has no end, though its boot is over`;
      this.#findings.add({ kind: 'gap', index: idx, boot, wseq, text });
    }
  }

  #checkBoot(boot: string, wseq: number, body: Body, say: (kind: 'altered' | 'gap', text: string) => void): void {
    const known = this.#boots.get(boot);
    if (known === undefined) {
      if (!this.#pruned && wseq !== 1) say('gap', `boot ${boot} begins with its record ${wseq}`);
      if (wseq === 1 && body['kind'] !== 'boot.open') say('altered', `boot ${boot} does not begin with boot.open`);
    } else if (wseq !== known.wseq + 1) {
      const kind = wseq > known.wseq ? 'gap' : 'altered';
      say(kind, `boot ${boot} continues with its record ${wseq} after ${known.wseq}`);
    } else if (known.ended === 'closed') {
      say('altered', `boot ${boot} was closed before`);
    }
    const now: Boot = known ?? { wseq, ended: undefined, endedAt: 0 };
    now.wseq = wseq;
    const time = Date.parse(String(body['time']));
    if (body['kind'] === 'boot.close') Object.assign(now, { ended: 'closed', endedAt: time });
    this.#boots.set(boot, now);
    if (body['kind'] !== 'boot.lost') return;
    const lost = this.#boots.get(String((body['details'] as Body | undefined)?.['boot']));
    if (lost !== undefined && lost.ended === undefined) Object.assign(lost, { ended: 'lost', endedAt: time });
  }

  #checkCall(entry: LogEntry, boot: string, body: Body, say: (kind: 'altered' | 'gap', text: string) => void): void {
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
      this.#checkClaim(body, say);
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

  /** A grant is used once: all intents that name it belong to one call. */
  #checkClaim(body: Body, say: (kind: 'altered' | 'gap', text: string) => void): void {
    if (typeof body['approvalId'] !== 'string' || body['risk'] !== 'shell') return;
    const uses = (this.#claims.get(body['approvalId']) ?? 0) + 1;
    this.#claims.set(body['approvalId'], uses);
    if (uses > 1) say('altered', `approval ${body['approvalId']} was used before`);
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
