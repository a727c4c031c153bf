import type { Body, Say } from './body.ts';
import type { Findings } from './findings.ts';

/** How far a boot has come. */
interface Boot {
  wseq: number;
  ended: 'closed' | 'lost' | undefined;
  /** Time of its end, as claimed. */
  endedAt: number;
  readonly openedAt: number;
  /** Newest record, and its claimed time. */
  lastIdx: number;
  lastAt: number;
  /** Monotonic time of its newest sign of life, microseconds. */
  beat: number;
  /** A missing sign of life is told once. */
  silent: boolean;
}

/** Longest time between two signs of life of a process, microseconds: one is written each minute. */
const beatUs = 120_000_000;

/** How long others may go on writing before they must have said what became of a process that is silent, milliseconds. */
const reapMs = 300_000;

/**
 * Processes that wrote the log: each begins with boot.open, counts its records without gap, gives a sign of life at least
 * every two minutes by its own clock, and ends once.
 */
export class BootCheck {
  readonly #findings: Findings;
  readonly #boots = new Map<string, Boot>();
  /** True when the log begins later than with record 0. */
  readonly #pruned: boolean;

  constructor(findings: Findings, pruned: boolean) {
    this.#findings = findings;
    this.#pruned = pruned;
  }

  /** Takes one record, in the order of the log; `time` is what it claims, milliseconds. */
  take(idx: number, boot: string, wseq: number, time: number, body: Body, say: Say): void {
    const kind = body['kind'];
    const mono = Number(body['mono']);
    let now = this.#boots.get(boot);
    if (now === undefined) {
      if (!this.#pruned && wseq !== 1) say('gap', `boot ${boot} begins with its record ${wseq}`);
      if (wseq === 1 && kind !== 'boot.open') say('altered', `boot ${boot} does not begin with boot.open`);
      const end = { ended: undefined, endedAt: 0 };
      now = { wseq, ...end, openedAt: time, lastIdx: idx, lastAt: time, beat: mono, silent: false };
      this.#boots.set(boot, now);
    } else if (wseq !== now.wseq + 1) {
      const what = wseq > now.wseq ? 'gap' : 'altered';
      say(what, `boot ${boot} continues with its record ${wseq} after ${now.wseq}`);
    } else if (now.ended === 'closed') {
      say('altered', `boot ${boot} was closed before`);
    }
    now.wseq = wseq;
    now.lastIdx = idx;
    now.lastAt = Math.max(now.lastAt, time);
    if (mono - now.beat > beatUs && !now.silent) {
      now.silent = true;
      say('gap', `boot ${boot} gave no sign of life for ${Math.floor((mono - now.beat) / 1_000_000)} s`);
    }
    if (kind === 'boot.beat') Object.assign(now, { beat: mono, silent: false });
    else if (kind === 'boot.close') Object.assign(now, { ended: 'closed', endedAt: time });
    else if (kind === 'boot.lost') this.#lost(String((body['details'] as Body | undefined)?.['boot']), time);
  }

  #lost(boot: string, time: number): void {
    const lost = this.#boots.get(boot);
    if (lost !== undefined && lost.ended === undefined) Object.assign(lost, { ended: 'lost', endedAt: time });
  }

  /** Counter of a boot that has been over for so long at `time` that all it began must have an end; else undefined. */
  overAt(boot: string, time: number): number | undefined {
    const known = this.#boots.get(boot);
    return known?.ended === undefined || time - known.endedAt < reapMs ? undefined : known.wseq;
  }

  /** To be called after the last record: nobody falls silent while others go on, without a word about it. */
  finish(): void {
    const all = [...this.#boots];
    for (const [boot, { ended, lastAt, lastIdx, wseq }] of all) {
      if (ended !== undefined) continue;
      const outlived = all.some(([, other]) => other.lastAt - Math.max(other.openedAt, lastAt) > reapMs);
      const text = `boot ${boot} falls silent after record ${lastIdx}, and nothing says what became of it`;
      if (outlived) this.#findings.add({ kind: 'gap', index: lastIdx, boot, wseq, text });
    }
  }
}
