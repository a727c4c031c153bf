import type { Approval } from '../core/approval.ts';
import type { Clock } from '../core/clock.ts';
import { GateError, type GateErrorCode } from '../core/gate-error.ts';
import type { HeldTerminal, TerminalSize } from './hold-input.ts';
import { type ApprovalTexts, runAgainToAskAnew, verdictLine } from './lines.ts';
import type { ApprovalStore, NewApproval } from './store.ts';

/** How a held call goes on. `ended`: the last line is on the caller's screen, `message` is for the status. */
export type HoldResult =
  | {
      readonly kind: 'granted';
      readonly approval: Approval;
      /** Last size the caller's terminal reported while it was held; the container has not seen it. */
      readonly resize: TerminalSize | undefined;
    }
  | {
      readonly kind: 'ended';
      readonly how: 'denied' | 'expired' | 'cancelled' | 'needs-request' | 'unavailable';
      readonly message: string;
      readonly exitCode: number;
      readonly code: GateErrorCode;
    };
export type Ended = Extract<HoldResult, { kind: 'ended' }>;

/** What the prompt needs to let somebody start alone. */
export interface HeldEmergency {
  /** Why they may not, in words for them; undefined when they may. Asked at the moment it matters. */
  readonly refusal: () => string | undefined;
  /** Gives the grant. */
  readonly start: (reason: string) => Promise<Approval>;
}

export interface HoldOptions {
  readonly terminal: HeldTerminal;
  readonly store: Pick<ApprovalStore, 'find' | 'get' | 'request' | 'cancel' | 'waitForChange'>;
  /** The call that waits, without a reason: that is asked for. */
  readonly request: Omit<NewApproval, 'reason'>;
  readonly reasonRequired: boolean;
  /** Starting alone: asked for at the prompt for the reason. Undefined where that is not enabled. */
  readonly emergency?: HeldEmergency | undefined;
  readonly clock: Clock;
  /**
   * The call's life. When its reason is a GateError `draining` the request stays open for the next try, else it is
   * cancelled.
   */
  readonly signal: AbortSignal;
  readonly texts: ApprovalTexts & {
    /** Lines to print once a grant is there, such as that the session is recorded. */
    readonly afterGrant?: readonly string[] | undefined;
  };
  /** How long a database outage is waited out before the call ends, in milliseconds. Default 60,000. */
  readonly outageMs?: number | undefined;
}

/** Ends a call whose request has come to its end, or whose grant somebody else used. */
export function endedWithout(options: HoldOptions, approval: Approval): Ended {
  const { id, state } = approval;
  switch (state) {
    case 'denied':
      return end(options, {
        how: 'denied',
        code: 'approval-refused',
        message: `request ${id} was denied; ${runAgainToAskAnew}`,
        line: `${verdictLine(approval)}; ${runAgainToAskAnew}`,
      });
    case 'expired':
      return end(options, {
        how: 'expired',
        code: 'approval-required',
        message: `nobody decided on request ${id} in time; ${runAgainToAskAnew}`,
      });
    case 'cancelled':
    case 'withdrawn':
      return end(options, {
        how: 'cancelled',
        code: 'approval-required',
        message: `request ${id} was ${state}; ${runAgainToAskAnew}`,
      });
    case 'pending':
    case 'approved':
    case 'claimed':
    case 'ended':
    case 'revoked':
    case 'lost':
      return end(options, {
        how: 'needs-request',
        code: 'approval-required',
        message: `the approval ${id} was used by another session; ${runAgainToAskAnew}`,
      });
  }
}

/** Ends a call because the database stayed away; the request is left as it is. */
export function unavailable(options: HoldOptions, open: Approval): Ended {
  return end(options, {
    how: 'unavailable',
    code: 'audit-unavailable',
    message: `the database cannot be reached; nothing was started, request ${open.id} stands; run the same again later`,
  });
}

/** Ends a call that could not be held. Throws, after the last line, what has no name. */
export function failed(options: HoldOptions, thrown: unknown): Ended {
  const error = GateError.from(thrown);
  const later = error.code === 'audit-unavailable' || error.code === 'draining';
  const ended = end(options, {
    how: later ? 'unavailable' : 'needs-request',
    code: error.code,
    message: later ? `${error.message}; nothing was started; run the same again in a moment` : error.message,
  });
  if (error.code === 'internal') throw error;
  return ended;
}

/** Prints the last line, by default the message itself, and states how the call ends. Nothing to who hung up. */
export function end(
  options: HoldOptions,
  ended: { readonly how: Ended['how']; readonly code: GateErrorCode; readonly message: string; readonly line?: string },
): Ended {
  if (ended.code !== 'cancelled') say(options.terminal, ended.line ?? ended.message);
  return { kind: 'ended', how: ended.how, message: ended.message, exitCode: 1, code: ended.code };
}

/** Prints one line as the gateway's own. Without a terminal it goes to a file or a program, as plain text. */
export function say(terminal: HeldTerminal, line: string): void {
  terminal.write(`talosgate: ${line}${terminal.tty ? '\r\n' : '\n'}`);
}
