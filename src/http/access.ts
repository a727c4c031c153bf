import type { TLSSocket } from 'node:tls';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AuditRecord } from '../core/audit-record.ts';
import type { Identity, Peer } from '../core/authentication.ts';
import type { Decide, Decision, PolicyQuestion } from '../core/decision.ts';
import { GateError } from '../core/gate-error.ts';
import type { Risk } from '../core/method.ts';
import type { Principal } from '../core/principal.ts';

/** What an action-guarded route is about, beyond the action itself. Anything left out is `-`. */
export interface AccessSubject {
  readonly cluster?: string;
  readonly node?: string;
  readonly resource?: string;
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
    throw new GateError('unauthenticated', 'the authorization header is given more than once; send it once');
  }
  const peer = peerOf(request);
  const result = await dependencies.identity.authenticate({ peer, authorization: request.headers.authorization });
  if (result.ok) return result.principal;
  await dependencies.record({
    ...describe(request),
    kind: 'call.deny',
    principal: undefined,
    decision: 'deny',
    reason: 'unauthenticated',
    details: {
      failure: result.reason,
      ...(result.claimed === undefined ? {} : { claimed: result.claimed.slice(0, 256) }),
    },
  });
  throw new GateError('unauthenticated', result.message);
}

async function authorize(
  request: FastifyRequest,
  access: Extract<Access, { kind: 'action' }>,
  dependencies: AccessDependencies,
): Promise<void> {
  const principal = principalOf(request);
  const subject = (await access.subject?.(request)) ?? {};
  const question: PolicyQuestion = {
    principal,
    cluster: subject.cluster ?? '-',
    node: subject.node ?? '-',
    labels: {},
    action: access.action,
    risk: access.risk,
    resource: subject.resource ?? '-',
    approvalFloor: false,
  };
  const decision = dependencies.decide(question);
  if (decision.effect === 'allow') return;
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
    reason: decision.effect === 'deny' ? decision.reason : 'approval-required',
    rule: ruleOf(decision),
    policyRevision: decision.revision,
  });
  throw new GateError('denied', refusal(principal, question));
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
  const { address, port } = peerOf(request);
  return { peerAddress: address, peerPort: port, userAgent: request.headers['user-agent']?.slice(0, 256) };
}

function headerCount(request: FastifyRequest, name: string): number {
  return request.raw.rawHeaders.filter((text, index) => index % 2 === 0 && text.toLowerCase() === name).length;
}

/**
 * The other end of the HTTP connection. A resumed session never counts as verified: Node marks it authorized even
 * when the client showed no certificate (nodejs/node issue 35317).
 */
export function peerOf(request: FastifyRequest): Peer {
  const socket = request.raw.socket as Partial<TLSSocket> & FastifyRequest['raw']['socket'];
  const base = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
  const leaf = socket.getPeerX509Certificate?.();
  if (leaf === undefined) return { ...base, certificate: undefined, chainVerified: false, chainError: undefined };
  const verified = socket.authorized === true && socket.isSessionReused?.() !== true;
  const error: unknown = socket.authorizationError;
  return {
    ...base,
    certificate: leaf.raw,
    chainVerified: verified,
    chainError: verified
      ? undefined
      : error instanceof Error
        ? error.message
        : typeof error === 'string'
          ? error
          : 'not verified',
  };
}
