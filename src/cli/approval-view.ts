/** An approval as the JSON API answers it. */
export interface ApprovalView {
  readonly id: string;
  readonly state: string;
  readonly requester: string;
  readonly cluster: string;
  readonly node: string;
  readonly method: string;
  readonly action: string;
  readonly resource: string;
  readonly binding: string;
  readonly summary: Readonly<Record<string, unknown>>;
  readonly reason: string;
  readonly created: string;
  readonly expires: string;
  readonly notBefore?: string;
  readonly ended?: string;
  readonly endedBy?: string;
  readonly endReason?: string;
  readonly needs: readonly { readonly group?: string; readonly people: number }[];
  readonly denials: number;
  readonly votes: readonly {
    readonly by: string;
    readonly verdict: 'approve' | 'deny';
    readonly reason: string;
    readonly at: string;
    readonly signature?: { readonly value: string; readonly publicKey: string; readonly fingerprint: string };
  }[];
}

/** `dbg-7k3f9 is approved: bob@example.com on worker-1, debug.run debug/privileged`. */
export function oneLine({ id, state, requester, node, action, resource }: ApprovalView): string {
  return `${id} is ${state}: ${requester} on ${node}, ${action} ${resource}`;
}
