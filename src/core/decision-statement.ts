/** What one decision says: on which request, exactly, and how. */
export interface DecisionStatement {
  readonly approval: string;
  /** SHA-256 over requester, cluster, node, method and request, hex. */
  readonly binding: string;
  readonly verdict: 'approve' | 'deny';
  readonly reason: string;
}

/**
 * The bytes that a decision's signature covers: a line that says what they are, then the canonical JSON (RFC 8785: keys
 * sorted, no white space) of the statement. Whoever signs and whoever verifies makes them from the same four values.
 */
export function decisionBytes({ approval, binding, reason, verdict }: DecisionStatement): Uint8Array {
  // Keys in the order RFC 8785 sorts them; all values are strings, for which JSON.stringify is canonical.
  return new TextEncoder().encode(`talosgate decision v1\n${JSON.stringify({ approval, binding, reason, verdict })}`);
}
