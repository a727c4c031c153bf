import { GateError } from '../core/gate-error.ts';

/** When a connection is suspected and how often that is looked into, milliseconds. */
export const silenceTimes = {
  /** How often connections with calls are looked at. */
  look: 500,
  /** So long after we sent something without hearing anything, a node is tried on another connection. */
  suspect: 1500,
  /** How long that attempt may take. */
  probe: 3000,
  /** Least time between attempts: calls that take long are silent too, and the node shall not notice much of us. */
  pause: 15_000,
} as const;

/** Bytes that passed on a connection so far. */
export interface Traffic {
  readonly received: number;
  readonly sent: number;
}

/**
 * Finds out whether a silent connection is dead. A node that lost its power or its network sends no reset, and TCP
 * itself needs a quarter of an hour to give up on unacknowledged data. HTTP/2 pings would tell, but apid closes
 * connections that ping more often than every five minutes; a second connection tells as much and costs it nothing.
 */
export class SilenceWatch {
  #last: Traffic = { received: 0, sent: 0 };
  /** When something was sent that nothing has followed since. */
  #since: number | undefined;
  #probedAt = Number.NEGATIVE_INFINITY;

  /** Takes a look; true when the node should be tried now. */
  suspects(traffic: Traffic, now: number): boolean {
    const heard = traffic.received !== this.#last.received;
    const spoke = traffic.sent !== this.#last.sent;
    this.#last = traffic;
    // Both between two looks: which came first is not known, so what was sent may still be unanswered.
    if (heard) this.#since = spoke ? now : undefined;
    else if (spoke) this.#since ??= now;
    if (this.#since === undefined || now - this.#since < silenceTimes.suspect) return false;
    if (now - this.#probedAt < silenceTimes.pause) return false;
    this.#probedAt = now;
    // A node that answers the attempt is there: TCP gets through to it, and its keepalive sees it go later.
    this.#since = undefined;
    return true;
  }
}

/**
 * True for a failure to connect that means nobody is there. A refusal does not: the host lives, and an apid that is
 * shutting down refuses new connections while it finishes its calls.
 */
export function meansDead(error: unknown): boolean {
  const cause = error instanceof GateError ? error.cause : error;
  const code = cause instanceof Error ? (cause as NodeJS.ErrnoException).code : undefined;
  return code !== undefined && deadCodes.has(code);
}

const deadCodes = new Set(['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ENETDOWN']);
