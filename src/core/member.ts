/** A node as its cluster knows it (Talos resource Members.cluster.talos.dev). Untrusted text. */
export interface Member {
  readonly hostname: string;
  readonly addresses: readonly string[];
  /** undefined: the node has no machine configuration yet, or is of a kind that we do not know. */
  readonly role: 'controlplane' | 'worker' | undefined;
}
