/** Bytes that all calls together may hold in requests that are not passed on yet. */
export interface MemoryBudget {
  /** Takes the bytes, or takes nothing and returns false when there are not that many left. */
  take(bytes: number): boolean;
  give(bytes: number): void;
  readonly used: number;
}

export function createMemoryBudget(limit: number): MemoryBudget {
  let used = 0;
  return {
    take(bytes) {
      if (used + bytes > limit) return false;
      used += bytes;
      return true;
    },
    give(bytes) {
      used -= bytes;
    },
    get used() {
      return used;
    },
  };
}
