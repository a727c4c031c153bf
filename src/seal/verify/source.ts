import type { TileSource } from '../tree-reader.ts';

/** A record as a source holds it. */
export interface LogEntry {
  readonly idx: number;
  readonly body: Buffer;
  /** Leaf hash beside the record; undefined where the source keeps none. */
  readonly leaf: Buffer | undefined;
  /** The searchable copies, JSON values by column; undefined where the source keeps none. */
  readonly columns: Readonly<Record<string, unknown>> | undefined;
}

/** A checkpoint as a source holds it. Nothing of it is verified. */
export interface LogCheckpoint {
  readonly size: number;
  /** Size of the one before; undefined where the source does not say. */
  readonly previous: number | undefined;
  /** Root beside the note; undefined where the source keeps none. */
  readonly root: Buffer | undefined;
  readonly note: string;
  /** Signature lines of witnesses, each with the name it is kept under. */
  readonly cosignatures: readonly { readonly witness: string; readonly line: string }[];
}

export interface LogOrigin {
  readonly origin: string;
  /** The origin before, and the record that says why it ended. */
  readonly follows: string | undefined;
  readonly record: number | undefined;
}

/** A stored chunk of a recording: its place, and what the log has to say of it. */
export interface StoredChunk {
  readonly seq: number;
  readonly direction: string;
  /** Of the ciphertext, hex. */
  readonly sha256: string;
  readonly size: number;
}

/** Recordings of sessions beside the log. */
export interface RecordingSource {
  /** SHA-256, hex, of the wrapped keys; undefined where the session is not stored. */
  keysDigest(session: string): Promise<string | undefined>;
  /** Those of the chunks that are stored. */
  chunks(session: string, seqs: readonly number[]): Promise<readonly StoredChunk[]>;
}

/** Where a log is verified from: Postgres, a bundle, or static tiles. Reads only; everything comes in ascending order. */
export interface LogSource {
  readonly origins: readonly LogOrigin[];
  /** How many records the source says there are; undefined where it does not say. */
  readonly size: number | undefined;
  /** Columns that hold no copy of a known member of the body, for a note. */
  readonly uncovered: readonly string[];
  /** True where records may be newer than the newest checkpoint, because the log is in use. */
  readonly live: boolean;
  entries(): AsyncIterable<readonly LogEntry[]>;
  checkpoints(origin: string): AsyncIterable<LogCheckpoint>;
  /** Leaf hashes that were kept when the log was sealed, `from` up to `to`, joined; shorter where some are missing. */
  leaves(origin: string, from: number, to: number): Promise<Buffer>;
  /** True when leaf hashes beyond this size were sealed. */
  hasLeavesBeyond(origin: string, size: number): Promise<boolean>;
  /** The full tile as it is stored; undefined where it is missing. */
  tile(origin: string, level: number, n: number): Promise<Buffer | undefined>;
  tree(origin: string): TileSource;
  /** Undefined where recordings are kept elsewhere. */
  readonly recordings: RecordingSource | undefined;
}
