/** What is wrong with a log, from worst to least, and the exit code of each (docs/audit.md). */
export const findingKinds = { fork: 6, altered: 2, gap: 3, prune: 4, stale: 5 } as const;
export type FindingKind = keyof typeof findingKinds;

export interface Finding {
  readonly kind: FindingKind;
  /** First record that it is about, where there is one. */
  readonly index?: number | undefined;
  readonly boot?: string | undefined;
  readonly wseq?: number | undefined;
  readonly text: string;
}

export interface Report {
  /** By index, the ones without an index last; at most a thousand. */
  readonly findings: readonly Finding[];
  /** How many there were in all. */
  readonly total: number;
  /** Exit code: 0, or that of the worst finding. */
  readonly exitCode: number;
  readonly records: number;
  readonly checkpoints: number;
  /** Size of the newest checkpoint. */
  readonly sealed: number;
  /** Size of the newest checkpoint that enough witnesses cosigned, and when, in seconds. */
  readonly anchored: { readonly size: number; readonly seconds: number } | undefined;
  /** Things that an auditor should know and that are not wrong. */
  readonly notes: readonly string[];
}

const most = 1_000;

/** Collects what is found. Beyond a thousand findings only the worst kind and the number are kept. */
export class Findings {
  readonly #list: Finding[] = [];
  readonly notes: string[] = [];
  #total = 0;
  #worst: FindingKind | undefined;

  add(finding: Finding): void {
    this.#total += 1;
    if (this.#list.length < most) this.#list.push(finding);
    const order = Object.keys(findingKinds) as FindingKind[];
    if (this.#worst === undefined || order.indexOf(finding.kind) < order.indexOf(this.#worst))
      this.#worst = finding.kind;
  }

  note(text: string): void {
    if (this.notes.length < most) this.notes.push(text);
  }

  get total(): number {
    return this.#total;
  }

  get exitCode(): number {
    return this.#worst === undefined ? 0 : findingKinds[this.#worst];
  }

  sorted(): Finding[] {
    return this.#list.toSorted((a, b) => (a.index ?? Number.MAX_SAFE_INTEGER) - (b.index ?? Number.MAX_SAFE_INTEGER));
  }
}
