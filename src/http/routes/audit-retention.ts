import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { bindCall } from '../../approvals/binding.ts';
import { claimedRecord } from '../../approvals/records.ts';
import type { Approval } from '../../core/approval.ts';
import type { AuditRecord } from '../../core/audit-record.ts';
import { uuidv7 } from '../../core/clock.ts';
import { GateError } from '../../core/gate-error.ts';
import type { PrunePlan } from '../../core/retention.ts';
import { type Access, principalOf, whereFrom } from '../access.ts';
import type { HttpDependencies } from '../dependencies.ts';
import { assertStillAgreed, pruneTerms } from '../prune-terms.ts';
import type { TypedServer } from '../typed-server.ts';

const about = () => ({ resource: 'audit' });
const readAccess: Access = { kind: 'action', action: 'audit.read', risk: 'read', subject: about };
const pruneAccess: Access = {
  kind: 'action',
  action: 'audit.prune',
  risk: 'destructive',
  peopleOnly: true,
  subject: about,
};
const holdAccess: Access = { kind: 'action', action: 'audit.hold', risk: 'write', peopleOnly: true, subject: about };

const reason = Type.String({ minLength: 1, maxLength: 500 });
const index = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const holdName = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$' });
const planSchema = Type.Object({
  first: Type.Integer({ description: 'Lowest index now.' }),
  minimum: Type.Integer({ description: 'Lowest index afterwards; equal to first when nothing can go.' }),
  firstAt: Type.Optional(Type.String()),
  lastAt: Type.Optional(Type.String()),
  obstacle: Type.Optional(Type.String({ description: 'Why it may not go.' })),
});
const statusSchema = Type.Object({
  first: Type.Integer({ description: 'Lowest index there is.' }),
  size: Type.Integer({ description: 'Index after the newest record.' }),
  oldest: Type.Optional(Type.String({ description: 'When the first record was taken in.' })),
  limitDays: Type.Number({ description: 'How long records are meant to be kept.' }),
  over: Type.Integer({ description: 'Records that are older than that.' }),
  minimum: Type.Integer({ description: 'Lowest index once all whole partitions that are older are gone.' }),
  obstacle: Type.Optional(Type.String({ description: 'Why they may not go.' })),
  ahead: Type.Integer({ description: 'Whole partitions ahead of the one being filled.' }),
});
const holdSchema = Type.Object({
  name: Type.String(),
  from: Type.Integer({ description: 'Everything from this index on is kept.' }),
  reason: Type.String(),
  by: Type.String(),
  at: Type.String(),
});
const pruneMethod = 'POST /api/v1/audit/prunes';

/**
 * Legal holds, and taking old records out of the log: asked for by one person, agreed to by another, recorded with what goes and
 * where the copy is. The gateway only records; a login of its own takes out what the record allows.
 */
export function auditRetentionRoutes(server: TypedServer, dependencies: HttpDependencies): void {
  const { retention } = dependencies;
  server.get(
    '/api/v1/audit/holds',
    {
      config: { access: readAccess },
      schema: { tags: ['audit'], response: { 200: Type.Object({ holds: Type.Array(holdSchema) }) } },
    },
    async () => ({ holds: (await retention.holds()).map(hold => ({ ...hold, at: new Date(hold.at).toISOString() })) }),
  );
  server.get(
    '/api/v1/audit/retention',
    {
      config: { access: readAccess },
      schema: {
        tags: ['audit'],
        description: 'How old the log has become, and what could be taken out by the limit. Nothing goes by itself.',
        response: { 200: statusSchema },
      },
    },
    async () => {
      const time = dependencies.clock.now() - retention.limitMs;
      const { oldestAt, ...status } = await retention.status(time);
      const { minimum, obstacle } = await retention.plan({ time });
      return {
        ...status,
        limitDays: retention.limitMs / 86_400_000,
        minimum,
        ...(oldestAt === undefined ? {} : { oldest: new Date(oldestAt).toISOString() }),
        ...(minimum === status.first || obstacle === undefined ? {} : { obstacle }),
      };
    },
  );
  server.post(
    '/api/v1/audit/holds',
    {
      config: { access: holdAccess },
      schema: {
        tags: ['audit'],
        body: Type.Object({ name: holdName, from: index, reason }, { additionalProperties: false }),
        response: { 200: Type.Object({ added: Type.String() }) },
      },
    },
    async request => {
      const { name, from, reason: why } = request.body;
      await dependencies.record(
        byCaller(dependencies, request, 'audit.hold-added', name, { from: String(from), reason: why }),
      );
      if (await retention.addHold({ name, from, reason: why, by: principalOf(request).id })) return { added: name };
      throw new GateError('conflict', `there is, or was, a hold named ${name}; give this one another name`);
    },
  );
  server.post(
    '/api/v1/audit/holds/:name/remove',
    {
      config: { access: holdAccess },
      schema: {
        tags: ['audit'],
        params: Type.Object({ name: holdName }),
        body: Type.Object({ reason }, { additionalProperties: false }),
        response: { 200: Type.Object({ removed: Type.String() }) },
      },
    },
    async request => {
      const { name } = request.params;
      await dependencies.record(
        byCaller(dependencies, request, 'audit.hold-removed', name, { reason: request.body.reason }),
      );
      if (await retention.removeHold(name, principalOf(request).id)) return { removed: name };
      throw new GateError('not-found', `no hold ${name} stands; see: talosgate audit hold list`);
    },
  );
  server.post(
    '/api/v1/audit/prunes',
    {
      config: { access: pruneAccess },
      schema: {
        tags: ['audit'],
        description:
          'Asks that whole partitions before an index or a time may be taken out. Somebody else has to agree.',
        body: Type.Object(
          { before: Type.String({ maxLength: 64, description: 'An index, or a time in RFC 3339.' }), reason },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object({ approval: Type.String(), state: Type.String(), ...planSchema.properties }),
        },
      },
    },
    async request => {
      const plan = await retention.plan(beforeOf(request.body.before));
      assertPossible(plan);
      const { reason: why } = request.body;
      const terms = pruneTerms(dependencies, principalOf(request), why);
      const approval = await dependencies.approvals.request({ ...newApproval(request, plan, why), terms });
      return { approval: approval.id, state: approval.state, ...planBody(plan) };
    },
  );
  server.post(
    '/api/v1/audit/prunes/:id/record',
    {
      config: { access: pruneAccess },
      schema: {
        tags: ['audit'],
        description: 'Uses the approval and records what is about to be taken out, with the digest of the copy.',
        params: Type.Object({ id: Type.String({ maxLength: 64 }) }),
        body: Type.Object(
          {
            bundle: Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256 of the exported copy.' }),
            records: index,
          },
          { additionalProperties: false },
        ),
        response: { 200: Type.Object({ minimum: Type.Integer(), former: Type.Integer() }) },
      },
    },
    async request => {
      const approval = await dependencies.approvals.get(request.params.id);
      const range = approval?.action === 'audit.prune' ? rangeOf(approval) : undefined;
      if (approval === undefined || range === undefined) {
        throw new GateError('not-found', `no request to prune ${request.params.id.slice(0, 64)}`);
      }
      const plan = await retention.plan({ index: range.minimum });
      assertPossible(plan);
      if (plan.first !== range.first || plan.minimum !== range.minimum) {
        throw new GateError('conflict', `the log begins at ${plan.first} now; ask again`);
      }
      if (request.body.records !== range.minimum - range.first) {
        throw new GateError('bad-request', `the copy must hold all ${range.minimum - range.first} records`);
      }
      assertStillAgreed(dependencies, principalOf(request), approval);
      await recordPrune(dependencies, request, approval, plan);
      return { minimum: range.minimum, former: range.first };
    },
  );
}

async function recordPrune(
  dependencies: HttpDependencies,
  request: FastifyRequest<{ Body: { bundle: string; records: number } }>,
  approval: Approval,
  plan: PrunePlan,
): Promise<void> {
  const { id } = principalOf(request);
  const callId = uuidv7(dependencies.clock);
  const { bundle, records } = request.body;
  const details = {
    former: String(plan.first),
    minimum: String(plan.minimum),
    records: String(records),
    first: new Date(plan.firstAt ?? 0).toISOString(),
    last: new Date(plan.lastAt ?? 0).toISOString(),
    bundle,
    ...(plan.checkpoint === undefined ? {} : { checkpoint: plan.checkpoint }),
    approvers: approval.votes.filter(({ verdict }) => verdict === 'approve').map(({ by }) => by),
  };
  const prune = {
    ...byCaller(dependencies, request, 'audit.prune', approval.resource, details),
    callId,
    approvalId: approval.id,
  };
  const { binding } = bindingOf(id, plan);
  await dependencies.recordClaimed([prune, claimedRecord(approval, callId)], {
    approvalId: approval.id,
    binding,
    requester: id,
  });
}

function beforeOf(text: string): { readonly index: number } | { readonly time: number } {
  if (/^\d{1,15}$/.test(text)) return { index: Number(text) };
  const time = Date.parse(text);
  if (!Number.isNaN(time) && time > 0) return { time };
  throw new GateError(
    'bad-request',
    `before: ${JSON.stringify(text)} is neither an index nor a time such as 2026-01-31T12:00:00Z`,
  );
}

function assertPossible(plan: PrunePlan): void {
  if (plan.minimum === plan.first) {
    throw new GateError('conflict', `no whole partition lies before that; the log begins at ${plan.first}`);
  }
  if (plan.obstacle !== undefined) throw new GateError('conflict', plan.obstacle);
}

const resourceOf = ({ first, minimum }: Pick<PrunePlan, 'first' | 'minimum'>): string =>
  `audit/${first}-${minimum - 1}`;

function rangeOf(approval: Approval): { readonly first: number; readonly minimum: number } | undefined {
  const match = /^audit\/(\d+)-(\d+)$/.exec(approval.resource);
  return match === null ? undefined : { first: Number(match[1]), minimum: Number(match[2]) + 1 };
}

function bindingOf(requester: string, plan: Pick<PrunePlan, 'first' | 'minimum'>) {
  const canonical = Buffer.from(resourceOf(plan));
  return bindCall({ requester, cluster: '-', node: '-', method: pruneMethod, canonical });
}

function newApproval(request: FastifyRequest, plan: PrunePlan, why: string) {
  const { id, kind, groups, proofs } = principalOf(request);
  return {
    requester: id,
    cluster: '-',
    node: '-',
    method: pruneMethod,
    action: 'audit.prune',
    resource: resourceOf(plan),
    ...bindingOf(id, plan),
    summary: {
      records: String(plan.minimum - plan.first),
      first: new Date(plan.firstAt ?? 0).toISOString(),
      last: new Date(plan.lastAt ?? 0).toISOString(),
    },
    reason: why,
    from: { ...whereFrom(request), principalKind: kind, groups, proofs },
  };
}

function planBody({ first, minimum, firstAt, lastAt, obstacle }: PrunePlan) {
  return {
    first,
    minimum,
    ...(firstAt === undefined ? {} : { firstAt: new Date(firstAt).toISOString() }),
    ...(lastAt === undefined ? {} : { lastAt: new Date(lastAt).toISOString() }),
    ...(obstacle === undefined ? {} : { obstacle }),
  };
}

function byCaller(
  dependencies: HttpDependencies,
  request: FastifyRequest,
  kind: 'audit.prune' | 'audit.hold-added' | 'audit.hold-removed',
  resource: string,
  details: NonNullable<AuditRecord['details']>,
): AuditRecord {
  const principal = principalOf(request);
  return {
    ...whereFrom(request),
    kind,
    principal: principal.id,
    principalKind: principal.kind,
    groups: principal.groups,
    proofs: principal.proofs,
    action: kind === 'audit.prune' ? 'audit.prune' : 'audit.hold',
    risk: kind === 'audit.prune' ? 'destructive' : 'write',
    resource,
    decision: 'allow',
    policyRevision: dependencies.policyRevision(),
    details,
  };
}
