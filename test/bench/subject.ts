/** Something that answers Version on a port of its own, as a process of its own. */
export interface Subject {
  readonly port: number;
  /** CPU seconds that the process has used so far. */
  cpuSeconds(): Promise<number>;
  stop(): Promise<void>;
}
