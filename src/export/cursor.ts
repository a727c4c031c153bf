import type { SinkState, SinkStatus } from '../core/export-sink.ts';
import type { Queryable } from '../db/query.ts';

const take = { name: 'export.take', text: 'SELECT taken, next_idx, state FROM talosgate.export_take($1, $2, $3)' };
const move = { name: 'export.move', text: 'SELECT talosgate.export_move($1, $2, $3) AS moved' };
const fail = { name: 'export.fail', text: 'SELECT talosgate.export_fail($1, $2, $3)' };
const all = { name: 'export.sinks', text: 'SELECT * FROM talosgate.export_sinks()' };

/** Where a sink stands, and whether it may go on. */
export interface Place {
  readonly next: number;
  readonly state: SinkState;
}

/** Takes a sink for the life of the session; undefined while another replica has it. Asked again, it gives the place now. */
export async function takeSink(on: Queryable, sink: string, from: string, replica: string): Promise<Place | undefined> {
  const [row] = await on.query<{ taken: boolean; next_idx: number; state: SinkState }>(take, [sink, from, replica]);
  return row?.taken === true ? { next: row.next_idx, state: row.state } : undefined;
}

/** False when the cursor is not where the caller believes it to be. */
export async function moveCursor(on: Queryable, sink: string, from: number, to: number): Promise<boolean> {
  const [row] = await on.query<{ moved: boolean }>(move, [sink, from, to]);
  return row?.moved === true;
}

export async function noteFailure(on: Queryable, sink: string, stopped: boolean, why: string): Promise<void> {
  await on.query(fail, [sink, stopped, why]);
}

interface Row {
  readonly sink: string;
  readonly next_idx: number;
  readonly size: number;
  readonly state: SinkState;
  readonly error: string;
  readonly failing_since: Date | null;
  readonly moved_at: Date;
  readonly replica: string;
  readonly waiting_since: Date | null;
}

/** Every sink that was ever begun, by name. */
export async function readSinks(on: Queryable): Promise<SinkStatus[]> {
  const rows = await on.query<Row>(all);
  return rows.map(row => ({
    name: row.sink,
    next: row.next_idx,
    lag: Math.max(0, row.size - row.next_idx),
    state: row.state,
    error: row.error,
    failingSince: row.failing_since?.getTime(),
    movedAt: row.moved_at.getTime(),
    replica: row.replica,
    waitingSince: row.waiting_since?.getTime(),
  }));
}

/** Lets a stopped sink try again, behind the refused record `skip` when that is given. False when it is not stopped there. */
export async function resumeSink(on: Queryable, sink: string, skip: number | undefined): Promise<boolean> {
  const [row] = await on.query<{ done: boolean }>('SELECT talosgate.export_resume($1, $2) AS done', [sink, skip]);
  return row?.done === true;
}

/** Forgets a sink that nobody delivers to any more. False while somebody does, and when there is none. */
export async function forgetSink(on: Queryable, sink: string): Promise<boolean> {
  const [row] = await on.query<{ done: boolean }>('SELECT talosgate.export_forget($1) AS done', [sink]);
  return row?.done === true;
}
