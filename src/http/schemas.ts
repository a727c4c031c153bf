import { type Static, Type } from 'typebox';

/** Shapes that several routes share. OpenAPI is made from these, so every field says what it is. */
const auditValue = Type.Unknown({
  description: 'Text, boolean, list, or {length, digest} of a value that is not stored.',
});

export const auditEntrySchema = Type.Object(
  {
    index: Type.String({ description: 'Position in the log, decimal.' }),
    time: Type.String({ description: "The gateway's clock, RFC 3339." }),
    boot: Type.String({ description: 'Process start that wrote the record.' }),
    sequence: Type.String({ description: 'Counter of that process, decimal.' }),
    leaf: Type.String({ description: 'SHA-256(0x00 || body), hex.' }),
    record: Type.Record(Type.String(), auditValue, { description: 'The record, field by field.' }),
  },
  { $id: 'AuditEntry' },
);
export type AuditEntryBody = Static<typeof auditEntrySchema>;

export const configChangeSchema = Type.Object(
  {
    index: Type.String({ description: 'Of the intent or refusal.' }),
    time: Type.String({ description: 'RFC 3339.' }),
    call: Type.String({ description: 'Call id.' }),
    who: Type.String(),
    cluster: Type.String(),
    node: Type.String(),
    mode: Type.String({ description: 'As asked for: auto, no-reboot, reboot, staged or try.' }),
    dryRun: Type.Boolean(),
    result: Type.String({
      description:
        'applied; tried (reverts by itself); dry-run; refused; failed; running; unknown where nobody saw the end; not-forwarded.',
    }),
    config: Type.String({
      description: 'first seen, changed, unchanged, not compared, or unreadable: against what the node was last given.',
    }),
    hash: Type.String({ description: 'Names this state of the redacted configuration.' }),
    against: Type.String({ description: 'Names the state it was compared with.' }),
    count: Type.Integer({ description: 'Values that differ.' }),
    changes: Type.Array(auditValue, {
      description: 'Lists of +, path, new; -, path, old; ~, path, old, new. Secrets are {length, digest}.',
    }),
    why: Type.String({ description: 'What kept an unreadable one from being read.' }),
  },
  { $id: 'ConfigChange' },
);
export type ConfigChangeBody = Static<typeof configChangeSchema>;

const auditCount = (description: string) =>
  Type.Array(Type.Object({ value: Type.String(), count: Type.Integer() }), { description });

export const auditStatsSchema = Type.Object(
  {
    since: Type.String({ description: 'RFC 3339, inclusive.' }),
    until: Type.String({ description: 'RFC 3339, exclusive.' }),
    calls: Type.Integer({
      description: 'Calls that began, allowed or refused; a call to three nodes counts three times.',
    }),
    who: auditCount('By principal, most frequent first.'),
    action: auditCount('By action.'),
    decision: auditCount('By decision.'),
    node: auditCount('By node.'),
    outcome: auditCount('By number of the gRPC status at the end; unknown where nobody saw the end.'),
  },
  { $id: 'AuditStats' },
);

export const approvalSchema = Type.Object(
  {
    id: Type.String(),
    state: Type.String(),
    requester: Type.String(),
    cluster: Type.String(),
    node: Type.String(),
    method: Type.String(),
    action: Type.String(),
    resource: Type.String(),
    binding: Type.String({ description: 'SHA-256 over requester, cluster, node, method and request, hex.' }),
    summary: Type.Record(Type.String(), Type.Unknown()),
    reason: Type.String(),
    created: Type.String({ description: 'RFC 3339.' }),
    expires: Type.String({
      description: 'RFC 3339. While pending: when it lapses; approved: until when it must be used.',
    }),
    notBefore: Type.Optional(Type.String({ description: 'RFC 3339. The grant cannot be used before.' })),
    ended: Type.Optional(Type.String({ description: 'RFC 3339.' })),
    endedBy: Type.Optional(Type.String({ description: 'Who denied it, took it back or stopped what ran on it.' })),
    endReason: Type.Optional(Type.String()),
    needs: Type.Array(Type.Object({ group: Type.Optional(Type.String()), people: Type.Integer() }), {
      description: 'Whose agreement it needs; no group means anybody who may decide.',
    }),
    denials: Type.Integer({ description: 'How many denials end it.' }),
    decisionReason: Type.Boolean({ description: 'Whoever decides has to say why.' }),
    emergency: Type.Boolean({ description: 'Granted to its requester alone, under review.' }),
    signedDecisions: Type.Boolean({ description: 'Only decisions signed with a client certificate count.' }),
    votes: Type.Array(
      Type.Object({
        by: Type.String(),
        verdict: Type.String(),
        reason: Type.String(),
        at: Type.String(),
        signature: Type.Optional(
          Type.Object(
            { value: Type.String(), publicKey: Type.String(), fingerprint: Type.String() },
            { description: 'Of the voter, over approval, binding, verdict and reason; base64, SPKI base64, hex.' },
          ),
        ),
      }),
    ),
  },
  { $id: 'Approval' },
);
export type ApprovalBody = Static<typeof approvalSchema>;

export const reviewSchema = Type.Object(
  {
    id: Type.String({ description: 'Id of the emergency.' }),
    state: Type.String({ description: 'open or closed' }),
    openedBy: Type.String(),
    opened: Type.String({ description: 'RFC 3339.' }),
    closedBy: Type.Optional(Type.String()),
    closed: Type.Optional(Type.String({ description: 'RFC 3339.' })),
    finding: Type.Optional(Type.String()),
    approval: approvalSchema,
  },
  { $id: 'Review' },
);
export type ReviewBody = Static<typeof reviewSchema>;

export const problemSchema = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String(),
    detail: Type.String(),
    instance: Type.String(),
  },
  { $id: 'Problem', description: 'RFC 9457 problem details.' },
);
