/** What one finished call tells the metrics. Every text comes from a closed list. */
export interface CallObservation {
  /** `unknown` for a method the catalog does not have. */
  readonly action: string;
  readonly risk: string;
  readonly decision: 'allow' | 'approve' | 'deny';
  readonly reason: string | undefined;
  /** Name of the gRPC status that the caller got. */
  readonly code: string;
  readonly seconds: number;
  /** How long the call waited for its intent; undefined when there was none. */
  readonly intentSeconds: number | undefined;
}
