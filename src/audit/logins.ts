import type { AuditRecord } from '../core/audit-record.ts';
import type { Clock } from '../core/clock.ts';
import { DenialLimiter } from '../core/denial-limiter.ts';
import { sourcePrefix } from '../core/source-prefix.ts';
import type { AuditLog } from './log.ts';

/** What a record says of who came and from where. */
export type Arrival = Pick<
  AuditRecord,
  'principal' | 'principalKind' | 'groups' | 'proofs' | 'peerAddress' | 'peerPort' | 'userAgent' | 'callId'
>;

/** Records that somebody has come, at either door. */
export interface Logins {
  /** To be called for every caller who has proved themselves; records the first time with a credential from an address. */
  seen(arrival: Arrival): void;
}

export interface LoginSettings {
  readonly audit: Pick<AuditLog, 'enqueue'>;
  readonly clock: Clock;
  /** After which the same counts as new. Default one hour. */
  readonly againMs?: number | undefined;
}

/** Arrivals that are remembered; the oldest one is forgotten first, and recorded again should it return. */
const mostRemembered = 4_096;

/** Logins that are recorded each second, in total and of one source. What is not recorded now is at the next call. */
const limits = { perSecond: 100, perSourceSecond: 25 };

/** One for both doors. Nobody waits for a login's record: the call that brought it has its own. */
export function createLogins({ audit, clock, againMs = 3_600_000 }: LoginSettings): Logins {
  const known = new Map<string, number>();
  const limiter = new DenialLimiter(clock, limits);
  return {
    seen: arrival => {
      const key = keyOf(arrival);
      const now = clock.now();
      if (now - (known.get(key) ?? Number.NEGATIVE_INFINITY) < againMs) return;
      if (!limiter.admit(sourcePrefix(arrival.peerAddress ?? ''))) return;
      known.delete(key);
      known.set(key, now);
      const [oldest] = known.keys();
      if (known.size > mostRemembered && oldest !== undefined) known.delete(oldest);
      void audit.enqueue({ kind: 'auth.login', ...arrival }, { patient: true });
    },
  };
}

function keyOf({ principal, principalKind, proofs = [], peerAddress }: Arrival): string {
  return [principalKind, principal, peerAddress, ...proofs.map(proof => proof.fingerprint)].join('\0');
}
