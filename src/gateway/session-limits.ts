/** How long a shell may last, and how long it may be silent in both directions; milliseconds. */
export interface SessionLimits {
  readonly sessionMs: number;
  readonly idleMs: number;
}
