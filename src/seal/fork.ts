/** The log in the database is not the one that was signed, witnessed or acknowledged. Nothing may be signed after that. */
export class ForkError extends Error {
  override readonly name = 'ForkError';
}

/** Ends the work with a ForkError when the condition does not hold. */
export function expectSame(holds: boolean, problem: string): asserts holds {
  if (!holds) throw new ForkError(problem);
}
