/** Where the gateway connects to, and who must be there. */
export interface Endpoint {
  readonly cluster: string;
  /** Name of the node in the configuration. */
  readonly node: string;
  /** host:port that the gateway dials. IPv6 in brackets. */
  readonly dial: string;
  /** Names or addresses of which the node's certificate must carry one. */
  readonly identities: readonly string[];
}

/** The way to a node that the gateway cannot dial: one of the control-plane nodes passes its calls on. */
export interface Detour {
  /** What they are told: the node's first address, else its name. They dial it and check its certificate against it. */
  readonly as: string;
  /** At least one. */
  readonly endpoints: readonly Endpoint[];
}

/** A node that a call is for. Two spellings of one node give equal targets except for `asked`. */
export interface Target extends Endpoint {
  /** Set when others pass calls on to this node; `dial` is not used then. */
  readonly detour?: Detour | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** The string that the caller used, returned unchanged as hostname in aggregated replies; '' when they named none. */
  readonly asked: string;
}

/** Where a call goes: to one node untouched, or to several with apid's aggregation. */
export type Route =
  | { readonly kind: 'single'; readonly target: Target }
  | {
      readonly kind: 'aggregate';
      /** At least one. */
      readonly targets: readonly Target[];
      /** Nodes that were named too and that nobody knows. */
      readonly unknown: readonly UnknownNode[];
    };

/** A node that a call names among others and that nobody knows. */
export interface UnknownNode {
  /** Its position among all that the call names, from 0. */
  readonly at: number;
  readonly cluster: string;
  readonly asked: string;
  /** What is wrong, safe to show. */
  readonly message: string;
}
