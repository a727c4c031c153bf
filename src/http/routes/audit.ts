import { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { AuditEntry, AuditFilter, AuditReader } from '../../core/audit-entry.ts';
import { auditKinds } from '../../core/audit-record.ts';
import { GateError } from '../../core/gate-error.ts';
import { grpcCodes } from '../../core/grpc.ts';
import { mayStill, principalOf, whereFrom } from '../access.ts';
import type { HttpDependencies } from '../dependencies.ts';
import { type AuditEntryBody, auditEntrySchema } from '../schemas.ts';
import type { TypedServer } from '../typed-server.ts';

const access = { kind: 'action', action: 'audit.read', risk: 'read', subject: () => ({ resource: 'audit' }) } as const;
/** How often a reader who follows the log is asked again who they are and what they may. */
const recheckMs = 1000;
/** Readers who may follow the log at a time; each one polls the database. */
const mostTails = 64;
/** Postgres takes no NUL in a text, so nothing in the log can have one. */
const text = (description: string) =>
  Type.Optional(Type.String({ maxLength: 512, pattern: '^[^\\u0000]*$', description }));
/** Query fields by which records are chosen. */
export const filterFields = {
  kind: text('Kinds of record, comma-separated: call.deny,call.intent …'),
  who: text('Principal; a trailing * matches a prefix.'),
  cluster: text('Cluster name.'),
  node: text('Node name; a trailing * matches a prefix.'),
  method: text('gRPC path; a trailing * matches a prefix.'),
  action: text('Action; a trailing * matches a prefix.'),
  risk: text('read, write, destructive, credential or shell.'),
  resource: text('Resource; a trailing * matches a prefix.'),
  decision: text('allow, approve or deny.'),
  reason: text('Reason of a refusal.'),
  outcome: text('Status of the outcome: a gRPC code by name or number.'),
  call: text('Call id.'),
  approval: text('Approval id.'),
  since: text('RFC 3339 time, inclusive.'),
  until: text('RFC 3339 time, exclusive.'),
};
type FilterQuery = Partial<Record<keyof typeof filterFields, string>>;
const listSchema = Type.Object(
  {
    ...filterFields,
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 50 })),
    before: Type.Optional(
      Type.String({ pattern: '^[0-9]{1,18}$', description: 'Entries below this index, newest first.' }),
    ),
    after: Type.Optional(
      Type.String({ pattern: '^[0-9]{1,18}$', description: 'Entries above this index, oldest first.' }),
    ),
  },
  { additionalProperties: false },
);

/** The audit log for people with `audit.read`. Each read is recorded before it is answered. */
export function auditRoutes(server: TypedServer, dependencies: HttpDependencies): void {
  const following = new Set<AbortController>();
  // A reader who follows never ends by itself, and shutdown waits for running requests.
  server.addHook('preClose', done => {
    for (const gone of following) gone.abort();
    done();
  });
  server.get(
    '/api/v1/audit',
    {
      config: { access },
      schema: {
        tags: ['audit'],
        querystring: listSchema,
        response: { 200: Type.Object({ entries: Type.Array(auditEntrySchema) }) },
      },
    },
    async request => {
      const reader = readerOf(dependencies);
      const { limit, before, after, ...query } = request.query;
      const filter = toFilter(query);
      await recordRead(dependencies, request);
      const entries = await reader.list(filter, { limit: limit ?? 50, before, after });
      return { entries: entries.map(toBody) };
    },
  );
  server.get(
    '/api/v1/audit/calls/:call',
    {
      config: { access },
      schema: {
        tags: ['audit'],
        params: Type.Object({ call: Type.String({ pattern: '^[0-9a-f-]{36}$' }) }),
        response: { 200: Type.Object({ entries: Type.Array(auditEntrySchema) }) },
      },
    },
    async request => {
      const reader = readerOf(dependencies);
      await recordRead(dependencies, request);
      const entries = await reader.call(request.params.call);
      if (entries.length === 0) throw new GateError('not-found', `no call ${request.params.call} in the audit log`);
      return { entries: entries.map(toBody) };
    },
  );
  server.get(
    '/api/v1/audit/tail',
    {
      config: { access },
      schema: {
        tags: ['audit'],
        description: 'Entries as they are committed: one JSON object a line, until the client leaves.',
        querystring: Type.Object(
          { ...filterFields, after: listSchema.properties.after },
          { additionalProperties: false },
        ),
      },
    },
    async (request, reply) => {
      const reader = readerOf(dependencies);
      const { after, ...query } = request.query;
      const filter = toFilter(query);
      await recordRead(dependencies, request);
      if (following.size >= mostTails) {
        throw new GateError('overloaded', 'too many readers follow the log already; try again later');
      }
      const from = after ?? (await reader.last()) ?? '-1';
      const gone = new AbortController();
      // Who left while the log was asked never closes again.
      if (reply.raw.destroyed || request.raw.socket.destroyed) return reply;
      following.add(gone);
      const check = setInterval(() => {
        void mayStill(request, dependencies).then(may => {
          if (!may) gone.abort();
        });
      }, recheckMs);
      check.unref();
      reply.raw.once('close', () => {
        clearInterval(check);
        following.delete(gone);
        gone.abort();
      });
      return reply.type('application/x-ndjson').send(Readable.from(lines(reader.follow(from, filter, gone.signal))));
    },
  );
}

async function* lines(entries: AsyncIterable<AuditEntry>): AsyncIterable<string> {
  for await (const entry of entries) yield `${JSON.stringify(toBody(entry))}\n`;
}

function readerOf(dependencies: HttpDependencies): AuditReader {
  if (dependencies.auditReader !== undefined) return dependencies.auditReader;
  throw new GateError('bad-config', 'reading the audit log needs database.reader_url in the configuration');
}

async function recordRead(dependencies: HttpDependencies, request: FastifyRequest): Promise<void> {
  const { id, kind, groups, proofs } = principalOf(request);
  await dependencies.record({
    ...whereFrom(request),
    kind: 'audit.read',
    principal: id,
    principalKind: kind,
    groups,
    proofs,
    action: 'audit.read',
    decision: 'allow',
    policyRevision: dependencies.policyRevision(),
    details: { query: request.url.slice(0, 1024) },
  });
}

/** Reads those fields. Throws GateError `bad-request`. */
export function toFilter(query: FilterQuery): AuditFilter {
  return {
    kinds: kindsOf(query.kind),
    principal: query.who,
    cluster: query.cluster,
    node: query.node,
    method: query.method,
    action: query.action,
    risk: query.risk,
    resource: query.resource,
    decision: query.decision,
    reason: query.reason,
    grpcCode: codeOf(query.outcome),
    callId: query.call,
    approvalId: query.approval,
    since: timeOf('since', query.since),
    until: timeOf('until', query.until),
  };
}

function kindsOf(value: string | undefined): readonly string[] | undefined {
  if (value === undefined) return undefined;
  const kinds = value.split(',').map(kind => kind.trim());
  for (const kind of kinds) {
    if (!(auditKinds as readonly string[]).includes(kind)) {
      throw new GateError('bad-request', `unknown kind ${kind}; known are ${auditKinds.join(', ')}`);
    }
  }
  return kinds;
}

function codeOf(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const known = Object.entries(grpcCodes).find(
    ([name, code]) => name === value.toUpperCase() || String(code) === value,
  );
  if (known === undefined)
    throw new GateError('bad-request', `unknown outcome ${value}; give a gRPC code such as OK or 7`);
  return known[1];
}

const latest = Date.UTC(9999, 11, 31);

function timeOf(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const time = Date.parse(value);
  // Postgres' calendar ends where JavaScript's goes on.
  if (Number.isNaN(time) || time < 0 || time > latest)
    throw new GateError('bad-request', `${name}: ${value} is no time; write 2026-01-31T12:00:00Z`);
  return time;
}

function toBody(entry: AuditEntry): AuditEntryBody {
  return {
    index: entry.index,
    time: new Date(entry.time).toISOString(),
    boot: entry.bootId,
    sequence: entry.writerSequence,
    leaf: entry.leaf,
    record: { ...entry.record },
  };
}
