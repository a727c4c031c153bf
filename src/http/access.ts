import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Arrival } from '../audit/logins.ts';
import type { AuditRecord } from '../core/audit-record.ts';
import type { Identity } from '../core/authentication.ts';
import type { Decide, Decision, PolicyQuestion } from '../core/decision.ts';
import { GateError } from '../core/gate-error.ts';
import type { Risk } from '../core/method.ts';
import type { Principal } from '../core/principal.ts';
import type { ActedThere } from './dependencies.ts';
import { peerOf } from './peer.ts';

/** What an action-guarded route is about, beyond the action itself. Anything left out is `-`. */
export interface AccessSubject {
  readonly cluster?: string;
  readonly node?: string;
  readonly resource?: string;
  /** Labels of the node, for rules that select by them. */
  readonly labels?: Readonly<Record<string, string>>;
}

/**
 * Who may use a route. Every route states one; the server does not start otherwise.
 * - public: anybody, without credentials; for probes, metrics without names, and the API description
 * - authenticated: anybody with a good credential
 * - action: policy decides on this gateway action. `subject` reads the request, after its schema was checked.
 */
export type Access =
  | { readonly kind: 'public' }
  | { readonly kind: 'authenticated' }
  | {
      readonly kind: 'action';
      readonly action: string;
      readonly risk: Risk;
      /** True where machines are refused whatever the rules say. */
      readonly peopleOnly?: boolean;
      readonly subject?: (request: FastifyRequest) => AccessSubject | Promise<AccessSubject>;
    };

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
  }
  interface FastifyRequest {
    /** Set by the access hook on every route that is not public. */
    principal: Principal | undefined;
  }
}

export interface AccessDependencies {
  readonly identity: Identity;
  readonly decide: Decide;
  /** Records a refusal before it is answered; a refusal that cannot be recorded is answered 503. */
  readonly record: (record: AuditRecord) => Promise<void>;
  /** The same for callers who proved nothing; may count the refusal instead. */
  readonly recordStranger: (record: AuditRecord) => Promise<void>;
  /** Told of everybody who has proved who they are. */
  readonly onCaller?: ((arrival: Arrival) => void) | undefined;
}

/**
 * Puts authentication and policy before every handler. Authentication runs before the body is read; the policy
 * question is asked once the request is validated, so that it can be about what the request names.
 */
export function guardRoutes(server: FastifyInstance, dependencies: AccessDependencies): void {
  server.decorateRequest('principal', undefined);
  server.addHook('onRoute', route => {
    if (route.config?.access === undefined) {
      throw new GateError('bad-config', `route ${String(route.method)} ${route.url} states no access level`);
    }
  });
  server.addHook('onRequest', async request => {
    const access = accessOf(request);
    if (access.kind !== 'public') request.principal = await authenticate(request, dependencies);
  });
  server.addHook('preHandler', async request => {
    const access = accessOf(request);
    if (access.kind === 'action') await authorize(request, access, dependencies);
  });
}

/** The caller of a route that is not public. */
export function principalOf(request: FastifyRequest): Principal {
  if (request.principal === undefined) throw new GateError('internal', 'route without a principal');
  return request.principal;
}

function accessOf(request: FastifyRequest): Access {
  // Unknown URLs run the hooks too, with no config: treat them like any guarded route, so that they tell strangers nothing.
  return request.routeOptions.config.access ?? { kind: 'authenticated' };
}

async function authenticate(request: FastifyRequest, dependencies: AccessDependencies): Promise<Principal> {
  if (headerCount(request, 'authorization') > 1) {
    await dependencies.recordStranger({ ...strangerDenial(request), details: { failure: 'bad-token' } });
    throw new GateError('unauthenticated', 'the authorization header is given more than once; send it once');
  }
  const peer = peerOf(request.raw);
  const result = await dependencies.identity.authenticate({ peer, authorization: request.headers.authorization });
  if (result.ok) {
    const { id, kind, groups, proofs } = result.principal;
    dependencies.onCaller?.({ ...whereFrom(request), principal: id, principalKind: kind, groups, proofs });
    return result.principal;
  }
  await dependencies.recordStranger({
    ...strangerDenial(request),
    details: {
      failure: result.reason,
      ...(result.claimed === undefined ? {} : { claimed: result.claimed.slice(0, 256) }),
    },
  });
  throw new GateError('unauthenticated', result.message);
}

function strangerDenial(request: FastifyRequest): AuditRecord {
  return { ...describe(request), kind: 'call.deny', decision: 'deny', reason: 'unauthenticated' };
}

async function authorize(
  request: FastifyRequest,
  access: Extract<Access, { kind: 'action' }>,
  dependencies: AccessDependencies,
): Promise<void> {
  const principal = principalOf(request);
  const question = await questionOf(request, principal, access);
  const decision = dependencies.decide(question);
  const machine = access.peopleOnly === true && principal.kind !== 'person';
  if (decision.effect === 'allow' && !machine) return;
  await dependencies.record({
    ...describe(request),
    kind: 'call.deny',
    principal: principal.id,
    principalKind: principal.kind,
    groups: principal.groups,
    proofs: principal.proofs,
    action: question.action,
    risk: access.risk,
    resource: question.resource,
    cluster: question.cluster,
    node: question.node,
    decision: 'deny',
    reason: decision.effect === 'deny' ? decision.reason : machine ? 'unsupported' : 'approval-required',
    rule: ruleOf(decision),
    policyRevision: decision.revision,
  });
  if (machine) throw new GateError('denied', 'only people may do this, and your credential is that of a machine');
  throw new GateError('denied', refusal(principal, question));
}

async function questionOf(
  request: FastifyRequest,
  principal: Principal,
  access: Extract<Access, { kind: 'action' }>,
): Promise<PolicyQuestion> {
  const subject = (await access.subject?.(request)) ?? {};
  return {
    principal,
    cluster: subject.cluster ?? '-',
    node: subject.node ?? '-',
    labels: subject.labels ?? {},
    action: access.action,
    risk: access.risk,
    resource: subject.resource ?? '-',
    approvalFloor: false,
  };
}

/**
 * Asks again, in the middle of a long answer: false once the caller's credential or right is gone, or cannot be told.
 * Never rejects: it is asked by timers, where nobody would catch that.
 */
export async function mayStill(
  request: FastifyRequest,
  dependencies: Pick<AccessDependencies, 'identity' | 'decide'>,
): Promise<boolean> {
  const access = accessOf(request);
  const { authorization } = request.headers;
  try {
    const proof = await dependencies.identity.authenticate({ peer: peerOf(request.raw), authorization });
    if (!proof.ok || access.kind !== 'action') return false;
    return dependencies.decide(await questionOf(request, proof.principal, access)).effect === 'allow';
  } catch {
    return false;
  }
}

function refusal(principal: Principal, question: PolicyQuestion): string {
  const about = question.resource === '-' ? '' : ` on ${question.resource}`;
  return `${principal.id} may not ${question.action}${about}; ask whoever keeps the policy files for a rule`;
}

function ruleOf(decision: Decision): string | undefined {
  return decision.rule === undefined ? undefined : `${decision.rule.file}:${decision.rule.line}`;
}

function describe(request: FastifyRequest): Pick<AuditRecord, 'method' | 'peerAddress' | 'peerPort' | 'userAgent'> {
  const route = request.routeOptions.url ?? request.url.split('?')[0] ?? '';
  return { method: `${request.method} ${route}`.slice(0, 256), ...whereFrom(request) };
}

/** Where a request came from, for its records. */
export function whereFrom(request: FastifyRequest): Pick<AuditRecord, 'peerAddress' | 'peerPort' | 'userAgent'> {
  const { address, port } = peerOf(request.raw);
  return { peerAddress: address, peerPort: port, userAgent: request.headers['user-agent']?.slice(0, 256) };
}

/** Who makes a request and from where, for records about what it does. */
export function actedThere(request: FastifyRequest): ActedThere {
  const { kind, groups, proofs } = principalOf(request);
  return { ...whereFrom(request), principalKind: kind, groups, proofs };
}

function headerCount(request: FastifyRequest, name: string): number {
  return request.raw.rawHeaders.filter((text, index) => index % 2 === 0 && text.toLowerCase() === name).length;
}
