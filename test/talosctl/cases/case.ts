/** One run of talosctl. */
export interface Step {
  /** Without the talosconfig, which the run adds. */
  readonly run: readonly string[];
  /** Only that many lines of stdout are compared; `then` says whether talosctl gets SIGINT after them. */
  readonly lines?: { readonly compare: number; readonly then: 'interrupt' | 'go on' };
  /** Exit code on both sides. Default 0. */
  readonly exit?: number | Readonly<Record<Line, number>>;
  /** What must be in stdout and stderr together, so that two equal failures do not pass for a success. */
  readonly shows?: RegExp;
  readonly env?: Readonly<Record<string, string>>;
  /** What in stdout takes the place of `PICKED` in later steps. */
  readonly pick?: RegExp;
  /** File in the working folder that gets stdout, for a later step. */
  readonly save?: string;
  /** Files in the working folder that the step must have written; compared byte for byte, archives by their entries. */
  readonly writes?: readonly string[];
}

/** Release lines that cases know; another talosctl is compared as well, without expectations that differ by line. */
export type Line = '1.13' | '1.14';

/** A talosctl command line, or several in a row, run directly against the nodes and through the gateway. */
export interface CommandCase {
  /** Unique; what the tables call it. */
  readonly id: string;
  /** Row of docs/compatibility.md. */
  readonly command: string;
  readonly steps: readonly Step[];
  /**
   * `shared`: the nodes that all reading cases use at once. `own`: a cluster for this case alone on either side, both
   * with the same history. Default shared.
   */
  readonly nodes?: 'shared' | 'own';
  /** Is off from the start. Needs `own`. */
  readonly down?: 'demo-worker-2';
  /** What the person proves themselves with at the gateway. Default certificate. */
  readonly credential?: 'certificate' | 'jwt';
  /** Release lines that have it. Default all. */
  readonly only?: Line;
  /** Files in the working folder before the first step. */
  readonly files?: Readonly<Record<string, string>>;
  /** Masks on top of those for every case, by name. */
  readonly masks?: readonly MaskName[];
  /** Several nodes answer in the order they happen to be ready, so lines are sorted before they are compared. */
  readonly anyOrder?: boolean;
  /** Why all of it may differ. The gateway's side is then a matter for tests of its own. */
  readonly differs?: string;
  /**
   * What the simulated nodes lack for the command to end as it would on a real one. The two sides are compared all the
   * same; what the case expects is reported and does not fail.
   */
  readonly simulator?: string;
  /** What keeps the command from its full effect here, on either side. */
  readonly note?: string;
}

/** Masks of `support/masks.ts` that only some cases need. */
export type MaskName =
  | 'ago'
  | 'graph nodes'
  | 'progress'
  | 'new key'
  | 'temporary file'
  | 'actor'
  | 'columns'
  | 'newest only'
  | 'first events'
  | 'retries';

/** Names of the simulated nodes. */
export const cp = 'demo-cp-1';
export const worker = 'demo-worker-1';
export const worker2 = 'demo-worker-2';
