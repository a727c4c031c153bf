import type { GateError } from './gate-error.ts';

/** What the first header block of a gRPC call says, read from the raw header list. Nothing else of it is ever used. */
export interface RequestHead {
  /** `/machine.MachineService/Version`, as the caller wrote it. */
  readonly path: string;
  readonly userAgent: string | undefined;
  /** `grpc-timeout` in milliseconds, rounded up; undefined when the caller set no deadline. */
  readonly timeoutMs: number | undefined;
  /** `grpc-encoding` of the request, undefined for identity. */
  readonly encoding: string | undefined;
  /** Encodings that the caller can read, from `grpc-accept-encoding`. */
  readonly acceptEncoding: readonly string[];
  /** The only `node` value. */
  readonly node: string | undefined;
  /** Values of the repeated `nodes` key, in order, duplicates kept. */
  readonly nodes: readonly string[];
  /** Cluster that the caller selected: `context`, or Omni's spelling `cluster`. */
  readonly context: string | undefined;
  /** The only `authorization` value. Never logged, never forwarded. */
  readonly authorization: string | undefined;
  /** Names of keys that only nodes may send (`talos-role`, `proxyfrom`) and that this caller sent. They have no effect. */
  readonly forbidden: readonly string[];
}

/** A header block that was understood, or the refusal for one that was not and what could be read of it. */
export type ParsedHead =
  | ({ readonly ok: true } & RequestHead)
  | {
      readonly ok: false;
      readonly path: string;
      readonly userAgent: string | undefined;
      /** Ready to be answered: `bad-request` with a message that names the header, never its value. */
      readonly error: GateError;
    };
