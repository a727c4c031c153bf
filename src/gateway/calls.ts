import type { ConfigReading } from '../audit/machine-config/history.ts';
import type { AuditRecord } from '../core/audit-record.ts';
import type { Identity } from '../core/authentication.ts';
import type { Clock } from '../core/clock.ts';
import { uuidv7 } from '../core/clock.ts';
import { GateError } from '../core/gate-error.ts';
import type { Method, RequestFacts } from '../core/method.ts';
import type { Principal } from '../core/principal.ts';
import type { RelayCounts } from '../core/relay-result.ts';
import type { Leg } from './leg.ts';
import type { IncomingCall } from './listener.ts';

/** What the configuration in a request would change on each node. */
export interface ConfigChanges {
  readonly reading: ConfigReading;
  /** What the records of each leg say, by its index. */
  readonly details: ReadonlyMap<number, NonNullable<AuditRecord['details']>>;
}

/** One call while it runs. The stages fill it in as they learn; nothing outside `gateway/` sees it. */
export interface RunningCall {
  readonly id: string;
  readonly incoming: IncomingCall;
  /** Milliseconds since the epoch, from `grpc-timeout`. */
  readonly deadline: number | undefined;
  method: Method | undefined;
  principal: Principal | undefined;
  facts: RequestFacts | undefined;
  requestDigest: string | undefined;
  /** What the machine configuration in the request would change, by leg; undefined where it has none. */
  changes: ConfigChanges | undefined;
  /** Legs whose intent is durable and whose outcome is not written yet, by index. */
  readonly openLegs: Map<number, Leg>;
  /** One for each leg that is being passed on. */
  readonly flows: Flow[];
  /** Legs that count against what their caller may have open. */
  heldLegs: number;
  /** True from the moment an intent was handed to the log; it may land even when the wait for it failed. */
  intentAsked: boolean;
  /** Microseconds that the caller waited for the intent. */
  intentUs: number | undefined;
  /** True once the call has been handled to its end. */
  over: boolean;
  /** Aborted when the client has gone or the gateway ends the call: whatever waits before the relay, stops. */
  readonly gone: AbortController;
  /** Aborted only by the gateway; the reason is the GateError that the caller is told. */
  readonly kill: AbortController;
}

/** A leg under way, and how much of it was told in records of progress. */
export interface Flow {
  readonly leg: Leg;
  readonly counts: () => RelayCounts;
  /** Clock.monotonic() of the last record, 0 before the first one. */
  toldAt: number;
}

/** A caller whose credential ran out or was withdrawn while calls of theirs ran. */
export interface Withdrawal {
  /** One of the calls. */
  readonly call: RunningCall;
  readonly error: GateError;
  /** Ids of all calls that were ended for it. */
  readonly callIds: readonly string[];
}

export interface RunningCalls {
  readonly size: number;
  /** Every call under way. */
  each(): Iterable<RunningCall>;
  begin(incoming: IncomingCall): RunningCall;
  end(call: RunningCall): void;
  /**
   * Counts legs that are about to be recorded, until the call ends. Throws GateError `overloaded` when their caller would
   * have more open than one may have.
   */
  holdLegs(call: RunningCall, legs: number): void;
  /** Resolves when no call runs any more, at the latest after `limitMs`. */
  idle(limitMs: number): Promise<void>;
  /** Ends every running call; their callers are told the error. */
  endAll(error: GateError): void;
  close(): void;
}

/**
 * Legs that one caller may have open at a time, over all calls and connections: an eighth of what the log keeps room for.
 * The dashboard holds about 21 for each node.
 */
export const maxLegsPerCaller = 2048;

/**
 * Knows every running call, so that a credential that runs out or is withdrawn, or a draining gateway, ends them. Every
 * sweep proves each caller again with the credentials they came with.
 */
export function createRunningCalls(
  clock: Clock,
  identity: Pick<Identity, 'authenticate'>,
  onWithdrawn: (withdrawal: Withdrawal) => void = () => undefined,
  sweepMs = 1000,
): RunningCalls {
  const calls = new Set<RunningCall>();
  const legsOf = new Map<string, number>();
  const waiting = new Set<() => void>();
  let sweeping = false;
  const timer = setInterval(() => {
    if (sweeping) return;
    sweeping = true;
    void Promise.all([...calls].map(call => proveAgain(call, identity, clock.now())))
      .then(ended => {
        for (const withdrawal of byCaller(ended)) onWithdrawn(withdrawal);
      })
      .finally(() => {
        sweeping = false;
      });
  }, sweepMs);
  timer.unref();
  return {
    get size() {
      return calls.size;
    },
    each: () => calls,
    begin: incoming => {
      const call = newCall(incoming, clock);
      calls.add(call);
      return call;
    },
    end: call => {
      call.over = true;
      calls.delete(call);
      if (calls.size === 0) for (const wake of waiting) wake();
      const caller = call.principal?.id;
      if (caller === undefined || call.heldLegs === 0) return;
      const left = (legsOf.get(caller) ?? 0) - call.heldLegs;
      call.heldLegs = 0;
      if (left > 0) legsOf.set(caller, left);
      else legsOf.delete(caller);
    },
    holdLegs: (call, legs) => {
      const caller = call.principal?.id;
      if (caller === undefined) throw new GateError('internal', 'legs of a caller who is not known');
      const open = (legsOf.get(caller) ?? 0) + legs;
      if (open > maxLegsPerCaller) {
        const message = `${caller} would have ${open} node calls open, at most ${maxLegsPerCaller} are accepted; end some`;
        throw new GateError('overloaded', message);
      }
      legsOf.set(caller, open);
      call.heldLegs += legs;
    },
    idle: async limitMs => {
      if (calls.size === 0) return;
      const { promise, resolve } = Promise.withResolvers<undefined>();
      const wake = (): void => resolve(undefined);
      waiting.add(wake);
      const timer = setTimeout(wake, limitMs);
      await promise;
      clearTimeout(timer);
      waiting.delete(wake);
    },
    endAll: error => {
      for (const call of calls) endCall(call, error);
    },
    close: () => clearInterval(timer),
  };
}

/**
 * Why a call ended, when what waited for it only noticed that it was over: the gateway's own reason if it ended the call.
 * CANCELLED is for callers who left by themselves; talosctl takes it for success.
 */
export function endOf(call: RunningCall, error: GateError): GateError {
  return error.code === 'cancelled' && call.kill.signal.aborted ? GateError.from(call.kill.signal.reason) : error;
}

function newCall(incoming: IncomingCall, clock: Clock): RunningCall {
  const timeoutMs = incoming.head.ok ? incoming.head.timeoutMs : undefined;
  const gone = new AbortController();
  const call: RunningCall = {
    id: uuidv7(clock),
    incoming,
    deadline: timeoutMs === undefined ? undefined : incoming.receivedAt + timeoutMs,
    method: undefined,
    principal: undefined,
    facts: undefined,
    requestDigest: undefined,
    changes: undefined,
    openLegs: new Map(),
    flows: [],
    heldLegs: 0,
    intentAsked: false,
    intentUs: undefined,
    over: false,
    gone,
    kill: new AbortController(),
  };
  incoming.stream.once('close', () => {
    // Most streams close because their call has ended, and then nobody waits any more.
    if (!call.over) gone.abort(new GateError('cancelled', 'the client has gone'));
  });
  return call;
}

/** Ends the call when its caller's proof does not hold any more, and says so. */
async function proveAgain(
  call: RunningCall,
  identity: Pick<Identity, 'authenticate'>,
  now: number,
): Promise<Withdrawal | undefined> {
  const { head, peer } = call.incoming;
  if (call.principal === undefined || !head.ok || call.kill.signal.aborted) return undefined;
  if (call.principal.validUntil <= now) {
    return withdraw(
      call,
      new GateError('unauthenticated', 'your credential has expired; renew it and run the same again'),
    );
  }
  const proof = await identity.authenticate({ peer, authorization: head.authorization });
  if (proof.ok) return undefined;
  // Keys that cannot be fetched just now say nothing against a caller who was proven before.
  if (proof.reason === 'provider-unavailable') return undefined;
  return withdraw(call, new GateError('unauthenticated', proof.message));
}

function withdraw(call: RunningCall, error: GateError): Withdrawal {
  endCall(call, error);
  return { call, error, callIds: [call.id] };
}

/** One for each caller and reason, however many calls they had. */
function byCaller(ended: readonly (Withdrawal | undefined)[]): Iterable<Withdrawal> {
  const found = new Map<string, Withdrawal>();
  for (const one of ended) {
    if (one === undefined) continue;
    const key = `${one.call.principal?.kind} ${one.call.principal?.id} ${one.error.message}`;
    const callIds = [...(found.get(key)?.callIds ?? []), ...one.callIds];
    found.set(key, { ...one, callIds });
  }
  return found.values();
}

/** Ends a call from the gateway's side; its caller is told the error. */
export function endCall(call: RunningCall, error: GateError): void {
  call.kill.abort(error);
  call.gone.abort(error);
}
