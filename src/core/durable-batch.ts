/** Records of this process that became durable in one commit, with the places that the database gave them. */
export interface DurableBatch {
  readonly bootId: string;
  /** Counter of the first record among those of its boot. */
  readonly firstWseq: number;
  /** Index of the first record in the log; the others follow without a gap. */
  readonly firstIndex: number;
  /** RFC 6962 leaf hashes one after the other, 32 bytes each. */
  readonly leaves: Buffer;
}
