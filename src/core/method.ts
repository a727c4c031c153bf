/** How the messages of a method flow. Names follow gRPC. */
export type CallKind = 'unary' | 'client-streaming' | 'server-streaming' | 'bidi-streaming';

/** How much harm a call can do; ordered from least to most only for display, never compared. */
export const risks = ['read', 'write', 'destructive', 'credential', 'shell'] as const;
export type Risk = (typeof risks)[number];

/** The role that nodes older than `before` (v1.13.0) asked for. */
export interface EarlierRole {
  readonly before: string;
  readonly leastRole: string;
}

/**
 * One method of the node API as the gateway knows it, read from the annotation in `proto/`.
 * A method that has no such entry is refused.
 */
export interface Method {
  /** Full gRPC path, `/machine.MachineService/Version`. */
  readonly path: string;
  readonly service: string;
  readonly name: string;
  readonly kind: CallKind;
  /** Dotted action, area first: `logs.read`. The request may raise it, see `RequestFacts`. */
  readonly action: string;
  readonly risk: Risk;
  /** Lowest Talos role with which the node serves the method: `os:reader`. */
  readonly leastRole: string;
  /** What older versions asked for, the newest first; empty for most methods. */
  readonly earlierRoles: readonly EarlierRole[];
  /** True where apid accepts several targets in the `nodes` metadata key. */
  readonly aggregates: boolean;
  /** True where a second person must agree whatever the policy files say. */
  readonly approvalFloor: boolean;
  /** First Talos version that serves the method, with the leading v. */
  readonly since: string;
}

/**
 * What one decoded request says, as the stages after the catalog need it. Built once from the first message;
 * nothing later looks at the raw bytes again.
 */
export interface RequestFacts {
  /** The method's action, or a stricter one that the content of the request raised it to. */
  readonly action: string;
  readonly risk: Risk;
  /** Talos role that the node will ask for, given the content (sensitive COSI types need os:admin). */
  readonly leastRole: string;
  /**
   * What the call is about: `logs/system/kubelet`. Values of the request are percent-encoded per segment. Where it is
   * about several things, all of them with blanks between, which no resource holds.
   */
  readonly resource: string;
  /** The same one by one, each once, never empty. Each is a question of its own to policy. */
  readonly resources: readonly string[];
  /** Canonical protobuf encoding of the decoded message: the only bytes that may be forwarded. */
  readonly canonical: Uint8Array;
  /**
   * Set when the request names code to run by something other than a digest: the reference as the caller wrote it.
   * A debug container is refused then, because an approval could not say what it approves.
   */
  readonly unpinnedImage: string | undefined;
  /** The machine configuration that the request would give to nodes; undefined where it gives none. Never to be stored. */
  readonly configuration: Uint8Array | undefined;
  /** Fields the audit log may hold, by dotted path; digested fields appear as `{length, digest}`. */
  readonly summary: Readonly<Record<string, AuditValue>>;
}

/** A value that may stand in an audit record: bounded strings, numbers as strings, lists and digests. */
export type AuditValue =
  | string
  | boolean
  | readonly AuditValue[]
  | { readonly length: string; readonly digest: string };
