/**
 * `running`: everything was taken so far. `failing`: the receiver is away; tried again and again. `stopped`: the receiver
 * refuses one record for what it is; nothing is skipped until somebody says so.
 */
export type SinkState = 'running' | 'failing' | 'stopped';

/** Where one receiver of exports stands. */
export interface SinkStatus {
  readonly name: string;
  /** Index of the next record that it will get. */
  readonly next: number;
  /** Records that it has not got yet. */
  readonly lag: number;
  readonly state: SinkState;
  /** What went wrong last; '' while it runs. Nothing out of a record. */
  readonly error: string;
  /** Milliseconds since the epoch; undefined while it runs. */
  readonly failingSince: number | undefined;
  /** When its place last changed, milliseconds since the epoch. */
  readonly movedAt: number;
  /** Replica that delivers, or did last. */
  readonly replica: string;
  /** When the next record for it was taken into the log; undefined where there is none. */
  readonly waitingSince: number | undefined;
}

/** What people may do about receivers of exports. Both give false where there is nothing of the kind to do. */
export interface SinkDesk {
  list(): Promise<readonly SinkStatus[]>;
  /** Lets a stopped sink try again; behind the refused record when its index is given. */
  resume(name: string, skip: number | undefined): Promise<boolean>;
  /** Forgets a sink that no configuration names any more. */
  forget(name: string): Promise<boolean>;
}
