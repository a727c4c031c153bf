/** A difference that is meant, and what both sides must then look like. */
export interface Allowed {
  /** Cases by id. */
  readonly cases: RegExp;
  readonly only?: '1.13' | '1.14';
  readonly where: string;
  /** The whole masked text of either side. */
  readonly direct: RegExp;
  readonly gateway: RegExp;
  readonly reason: string;
}

export const allowedDifferences: readonly Allowed[] = [];
