import { setTimeout as sleep } from 'node:timers/promises';
import type { Approval } from '../core/approval.ts';
import { GateError } from '../core/gate-error.ts';
import {
  type Ended,
  end,
  endedWithout,
  failed,
  type HoldOptions,
  type HoldResult,
  say,
  unavailable,
} from './hold-end.ts';
import { HeldInput, type Leaving } from './hold-input.ts';
import { askReason } from './hold-reason.ts';
import {
  askBeforehand,
  openRequestLine,
  runAgainAfterApproval,
  runAgainToAskAnew,
  subjectOf,
  verdictLine,
} from './lines.ts';

const retryMs = 500;

/**
 * Keeps a caller of a debug container on the line until somebody else has decided. Uses a grant that is there already,
 * joins an open request for the same call, or asks for a reason and raises one. Whoever leaves cancels their request.
 * Resolves in every case that has a name; rejects only for internal errors, after a last line.
 */
export async function holdForApproval(options: HoldOptions): Promise<HoldResult> {
  const { terminal, store, request, signal } = options;
  const input = new HeldInput(terminal);
  try {
    if (signal.aborted) return await leave(options, undefined, 'gone');
    const found = await store.find(request.binding);
    if (!terminal.tty) return await withoutTerminal(options, found);
    say(terminal, `${subjectOf(request)} needs approval`);
    if (found?.state === 'approved') return granted(options, input, found);
    if (found !== undefined) return await decided(options, input, found, false);
    const reason = await askReason(options, input);
    if (typeof reason !== 'object') return await leave(options, undefined, reason);
    if (reason.alone && options.emergency !== undefined) {
      return alone(options, input, await options.emergency.start(reason.line));
    }
    const raised = await store.request({ ...request, reason: reason.line });
    return await decided(options, input, raised, true);
  } catch (thrown) {
    return failed(options, thrown);
  }
}

/** Nobody there to ask or to keep waiting: use what is granted, else say what to do. Output stays clean on success. */
async function withoutTerminal(options: HoldOptions, found: Approval | undefined): Promise<HoldResult> {
  const { store, request, reasonRequired, terminal, texts } = options;
  if (found?.state === 'approved') return { kind: 'granted', approval: found, resize: undefined };
  if (found === undefined && (reasonRequired || request.terms?.reason !== undefined)) {
    return end(options, {
      how: 'needs-request',
      code: 'approval-required',
      message: `${subjectOf(request)} needs approval with a reason; run the same on a terminal, or ${askBeforehand}`,
    });
  }
  const open = found ?? (await store.request({ ...request, reason: '(no terminal: no reason given)' }));
  if (open.state === 'approved') return { kind: 'granted', approval: open, resize: undefined };
  say(terminal, openRequestLine(open, found === undefined, texts));
  return end(options, {
    how: 'needs-request',
    code: 'approval-required',
    message: `${subjectOf(request)} needs approval, request ${open.id} waits for it; ${runAgainAfterApproval}`,
  });
}

/** Waits for the decision and the caller's patience at once, whichever ends first. */
async function decided(options: HoldOptions, input: HeldInput, open: Approval, raised: boolean): Promise<HoldResult> {
  if (open.state === 'approved') return granted(options, input, open);
  say(options.terminal, openRequestLine(open, raised, options.texts));
  say(options.terminal, 'waiting for a decision; Ctrl-C cancels the request');
  const stop = new AbortController();
  const until = AbortSignal.any([options.signal, stop.signal]);
  const leaving = input.untilLeft(until);
  const decision = untilDecided(options, open, until);
  try {
    await Promise.race([leaving, decision]);
  } catch (thrown) {
    // What the caller sent makes no sense, or an internal error: nobody waits for a decision any more.
    if (GateError.from(thrown).code !== 'draining') await leave(options, open, 'gone');
    throw thrown;
  } finally {
    stop.abort();
    await Promise.allSettled([leaving, decision]);
  }
  // Whoever left in the same moment as the decision came has left.
  const left = (await leaving) ?? (options.signal.aborted ? 'gone' : undefined);
  if (left !== undefined) return leave(options, open, left);
  const now = await decision;
  if (now === undefined) return unavailable(options, open);
  return now.state === 'approved' ? granted(options, input, now) : endedWithout(options, now);
}

/** Resolves when the request is pending no more, or with undefined when the database stayed away or nobody waits. */
async function untilDecided(options: HoldOptions, open: Approval, signal: AbortSignal): Promise<Approval | undefined> {
  const { store, terminal, clock, outageMs = 60_000 } = options;
  let awaySince: number | undefined;
  for (;;) {
    if (isAborted(signal)) return undefined;
    try {
      if (awaySince === undefined) return await store.waitForChange(open.id, 'pending', signal);
      const now = await store.get(open.id);
      if (now !== undefined && now.state !== 'pending') return now;
      awaySince = undefined;
      say(terminal, 'the database is back; still waiting for a decision');
    } catch (thrown) {
      if (isAborted(signal)) return undefined;
      if (!(thrown instanceof GateError) || thrown.code !== 'audit-unavailable') throw thrown;
      if (awaySince === undefined) say(terminal, 'the database cannot be reached; still trying');
      awaySince ??= clock.monotonic();
      if (clock.monotonic() - awaySince >= outageMs * 1000) return undefined;
      // An abort ends the sleep early and shows in the next attempt.
      await sleep(retryMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

function granted(options: HoldOptions, input: HeldInput, approval: Approval): HoldResult {
  if (!approval.emergency) say(options.terminal, verdictLine(approval));
  for (const line of options.texts.afterGrant ?? []) say(options.terminal, line);
  return { kind: 'granted', approval, resize: input.size };
}

function alone(options: HoldOptions, input: HeldInput, approval: Approval): HoldResult {
  if (!approval.emergency) return granted(options, input, approval);
  say(options.terminal, `emergency ${approval.id}: started alone; its review stays open until somebody else closes it`);
  for (const line of options.texts.afterGrant ?? []) say(options.terminal, line);
  return { kind: 'granted', approval, resize: input.size };
}

/** The caller is leaving: their request goes with them, unless it is the gateway that leaves. */
async function leave(options: HoldOptions, open: Approval | undefined, how: Leaving): Promise<Ended> {
  const { store, request, signal } = options;
  const reason: unknown = signal.reason;
  if (signal.aborted && reason instanceof GateError && reason.code === 'draining') {
    const stays = open === undefined ? 'nothing was started' : `request ${open.id} stays open`;
    return end(options, {
      how: 'unavailable',
      code: 'draining',
      message: `talosgate is being restarted; ${stays}; run the same again in a moment`,
    });
  }
  const code = how === 'gone' ? 'cancelled' : 'approval-required';
  if (open === undefined) {
    return end(options, { how: 'cancelled', code, message: 'left before a request was raised; nothing was started' });
  }
  try {
    await store.cancel(open.id, request.requester, how === 'gone' ? 'the caller hung up' : 'the caller left');
  } catch (thrown) {
    const error = GateError.from(thrown);
    const message = `request ${open.id} could not be cancelled, it lapses by itself; nothing was started`;
    if (error.code === 'audit-unavailable') return end(options, { how: 'cancelled', code, message });
    // Decided or cancelled elsewhere in the same moment: there is nothing left to cancel.
    if (error.code !== 'conflict' && error.code !== 'not-found') throw thrown;
  }
  return end(options, { how: 'cancelled', code, message: `request ${open.id} cancelled; ${runAgainToAskAnew}` });
}

/** A call, because the compiler takes `aborted` for settled once it was looked at. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
