import type { EmergencyDesk } from '../approvals/emergency.ts';
import type { ApprovalTexts } from '../approvals/lines.ts';
import type { ApprovalStore } from '../approvals/store.ts';
import type { AuditLog } from '../audit/log.ts';
import type { Logins } from '../audit/logins.ts';
import type { ConfigHistory } from '../audit/machine-config/history.ts';
import type { Refusals } from '../audit/refusals.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { FieldDigest } from '../catalog/inspect-request.ts';
import type { TermsFor } from '../core/approval-terms.ts';
import type { Identity } from '../core/authentication.ts';
import type { Clock } from '../core/clock.ts';
import type { Decide, Decision, DenyReason, PolicyQuestion } from '../core/decision.ts';
import type { GateError } from '../core/gate-error.ts';
import type { Method, RequestFacts } from '../core/method.ts';
import type { CallObservation } from '../core/observation.ts';
import type { RequestBody } from '../core/request-body.ts';
import type { Route } from '../core/target.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { Channels } from '../upstream/connections.ts';
import type { NodeVersions } from '../upstream/node-versions.ts';
import type { RunningCalls } from './calls.ts';
import type { GrantEnds } from './grant-ends.ts';
import type { Leg } from './leg.ts';
import type { SessionLimits } from './session-limits.ts';

/** The parts that a call passes, in the order of their turn. */
export interface CallStages {
  readonly clock: Clock;
  readonly calls: RunningCalls;
  readonly catalog: Catalog;
  readonly identity: Identity;
  readonly fleet: Fleet;
  readonly decide: Decide;
  readonly termsFor: TermsFor;
  readonly refusalMessage: (decision: Decision, question: PolicyQuestion, callId: string) => string;
  readonly approvals: Approvals;
  readonly audit: AuditLog;
  /** Takes the refusals that anybody can cause; shared with the other door. */
  readonly refusals: Refusals;
  /** Takes who has come; shared with the other door. */
  readonly logins: Logins;
  readonly channels: Channels;
  readonly versions: NodeVersions;
  /** Records shells. */
  readonly sessions: Sessions;
  readonly digest: FieldDigest;
  readonly grantEnds: GrantEnds;
  /** Knows what each node was last given, and says what a new configuration changes. Without it, records do not say so. */
  readonly configurations?: ConfigHistory | undefined;
  readonly observe: (call: CallObservation) => void;
  /** The status of a call that changed or revealed something went out before its outcome was durable. */
  readonly onOutcomePending: (callId: string) => void;
  /** An error that the caller is not told about: goes to the process log with the call id. */
  readonly report: (error: unknown, callId: string) => void;
}

/** What is asked, of whom, and exactly what: a call that was understood and whose caller is known. */
export interface Admitted {
  readonly method: Method;
  readonly facts: RequestFacts;
  readonly route: Route;
  readonly body: RequestBody;
}

/** Why a call ends here, and what the caller is told. */
export interface Refusal {
  readonly reason: DenyReason;
  readonly error: GateError;
  /** The legs it is about; none while no target is known. */
  readonly legs: readonly Leg[];
  readonly details?: Readonly<Record<string, string>> | undefined;
  /** Set when the caller was answered already, as a held terminal is. */
  readonly answered?: boolean;
}

/** The next thing to work with, or the end of the call. */
export type Step<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: Refusal };

/** What the door needs of approvals. */
export interface Approvals {
  readonly store: ApprovalStore;
  /** `afterGrant`: lines that a held caller reads once the grant is there. */
  readonly texts: ApprovalTexts & { readonly afterGrant?: readonly string[] };
  readonly reasonRequired: boolean;
  readonly limits: SessionLimits;
  readonly emergency: EmergencyDesk;
}

/** Legs that may go on, each that needs one with its grant. */
export interface Granted {
  readonly legs: readonly Leg[];
  /** Frames to send after the first one: what the caller's terminal said of itself while it was held. */
  readonly replay: readonly Buffer[];
}
