import type { EmergencyDesk } from '../approvals/emergency.ts';
import type { ReviewDesk } from '../approvals/reviews.ts';
import type { NewApproval } from '../approvals/store.ts';
import type { Arrival } from '../audit/logins.ts';
import type { Approval } from '../core/approval.ts';
import type { TermsFor } from '../core/approval-terms.ts';
import type { AuditReader } from '../core/audit-entry.ts';
import type { AuditScan } from '../core/audit-line.ts';
import type { AuditRecord } from '../core/audit-record.ts';
import type { Identity } from '../core/authentication.ts';
import type { Clock } from '../core/clock.ts';
import type { Decide, PolicyQuestion } from '../core/decision.ts';
import type { SinkDesk } from '../core/export-sink.ts';
import type { Method, RequestFacts, Risk } from '../core/method.ts';
import type { RetentionDesk } from '../core/retention.ts';
import type { Target } from '../core/target.ts';
import type { SessionDesk } from '../sessions/desk.ts';

/** One part that must work before calls are taken. */
export interface ReadinessCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly message: string;
}

/** The approvals that the HTTP API shows and decides. `decide` refuses the requester's own vote. */
export interface ApprovalDesk {
  list(filter: { state?: string | undefined; limit: number }): Promise<readonly Approval[]>;
  get(id: string): Promise<Approval | undefined>;
  decide(vote: {
    id: string;
    by: string;
    groups: readonly string[];
    verdict: 'approve' | 'deny';
    reason: string;
    signature: { readonly value: string; readonly certificate: Uint8Array | undefined } | undefined;
    from: ActedThere;
  }): Promise<Approval>;
  /** The open request or unused grant for the same call, else a new request. */
  request(input: NewApproval): Promise<Approval>;
  /** The requester takes it back. */
  cancel(id: string, by: string, why: string, from: ActedThere): Promise<Approval>;
  /** Somebody who may decide takes an unused grant back. */
  withdraw(id: string, by: string, why: string, from: ActedThere): Promise<Approval>;
  /** Somebody who may decide ends what runs on a grant. */
  revoke(id: string, by: string, why: string, from: ActedThere): Promise<Approval>;
}

/** Who acted and from where, for the records. */
export type ActedThere = Pick<
  AuditRecord,
  'principalKind' | 'groups' | 'proofs' | 'peerAddress' | 'peerPort' | 'userAgent'
>;

/** Everything the web door needs, handed in by `app.ts`. */
export interface HttpDependencies {
  readonly version: string;
  /** Name of this machine, for those who receive exported records. */
  readonly host: string;
  readonly clock: Clock;
  readonly identity: Identity;
  readonly decide: Decide;
  readonly emergency: EmergencyDesk;
  readonly reviews: ReviewDesk;
  readonly termsFor: TermsFor;
  /** What a request, as proto3 JSON, asks of a method; undefined for a method that nobody knows. Throws GateError. */
  readonly inspect: (
    path: string,
    request: unknown,
  ) => { readonly method: Method; readonly facts: RequestFacts } | undefined;
  readonly policyRevision: () => string;
  /** Full text explanation of a decision, for people. */
  readonly explain: (question: PolicyQuestion) => { readonly effect: string; readonly text: string };
  readonly actions: ReadonlyMap<string, { readonly risk: Risk; readonly area: string }>;
  readonly findTarget: (cluster: string | undefined, node: string) => Target | undefined;
  /** Resolves when the record is durable. */
  readonly record: (record: AuditRecord) => Promise<void>;
  /** The same for the refusal of a caller who proved nothing; resolves at once when it was counted instead. */
  readonly recordStranger: (record: AuditRecord) => Promise<void>;
  /** Told of everybody who has proved who they are. */
  readonly onCaller?: ((arrival: Arrival) => void) | undefined;
  /** Undefined when no reader login is configured. */
  readonly auditReader: AuditReader | undefined;
  /** The same log, for exports. */
  readonly auditScan: AuditScan | undefined;
  readonly sinks: SinkDesk;
  /** Keyed digests that a value of a field has in the log, under every key known. */
  readonly digestsOf: (field: string, value: Uint8Array) => readonly string[];
  readonly retention: RetentionDesk;
  /** Resolves when the records are durable and the approval is used, both or neither. The first record carries the call id. */
  readonly recordClaimed: (
    records: readonly AuditRecord[],
    claim: { readonly approvalId: string; readonly binding: string; readonly requester: string },
  ) => Promise<void>;
  readonly approvals: ApprovalDesk;
  readonly sessions: SessionDesk;
  readonly readiness: () => readonly ReadinessCheck[];
  readonly metricsText: () => Promise<string>;
}
