import { constants } from 'node:crypto';
import { createServer as createPlainServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import swagger from '@fastify/swagger';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyBaseLogger, LogController } from 'fastify';
import { guardRoutes } from './access.ts';
import type { HttpDependencies } from './dependencies.ts';
import { rememberPeer } from './peer.ts';
import { toProblem } from './problem.ts';
import { approvalPage } from './routes/approval-page.ts';
import { approvalRoutes } from './routes/approvals.ts';
import { auditRoutes } from './routes/audit.ts';
import { auditExportRoutes } from './routes/audit-export.ts';
import { auditRetentionRoutes } from './routes/audit-retention.ts';
import { auditReviewRoutes } from './routes/audit-review.ts';
import { auditSinkRoutes } from './routes/audit-sinks.ts';
import { auditTailRoutes } from './routes/audit-tail.ts';
import { decisionRoutes } from './routes/decisions.ts';
import { healthRoutes } from './routes/health.ts';
import { policyRoutes } from './routes/policy.ts';
import { requestRoutes } from './routes/requests.ts';
import { reviewRoutes } from './routes/reviews.ts';
import { sessionRoutes } from './routes/sessions.ts';
import { problemSchema } from './schemas.ts';
import type { TypedServer } from './typed-server.ts';
import { explainMistake } from './validation.ts';

export interface HttpSettings {
  readonly host: string;
  readonly port: number;
  /** Undefined serves plain HTTP, which the configuration has to ask for by name (`insecure`). */
  readonly tls:
    | { readonly certificate: string; readonly key: string; readonly clientCa: string | undefined }
    | undefined;
}

export interface HttpServer {
  /** Starts to listen and gives the real port. */
  listen(): Promise<{ readonly host: string; readonly port: number }>;
  /** The API description, OpenAPI 3.1, made from the route schemas. */
  openapi(): unknown;
  /** Ends idle connections at once, waits for running requests at most five seconds, then cuts what is left. */
  close(): Promise<void>;
}

/** Builds the web door. Fails when a route states no access level; see `access.ts`. */
export async function createHttpServer(
  settings: HttpSettings,
  dependencies: HttpDependencies,
  log: FastifyBaseLogger,
): Promise<HttpServer> {
  const server: TypedServer = Fastify({
    loggerInstance: log,
    // Every call is an audit matter already; a second log line per request says nothing more.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: 64 * 1024,
    requestTimeout: 30_000,
    forceCloseConnections: 'idle',
    ajv: { customOptions: { removeAdditional: false, coerceTypes: true, allErrors: false } },
    serverFactory: handler => {
      const raw = createRawServer(settings, handler);
      raw.maxConnections = maxConnections;
      return raw;
    },
  }).withTypeProvider<TypeBoxTypeProvider>();
  server.setErrorHandler((error, request, reply) => {
    const mistake = explainMistake(error, request.routeOptions.schema);
    const problem = toProblem(mistake ?? error, request.url.split('?')[0] ?? '/');
    if (problem.status >= 500) request.log.error({ err: error, url: problem.instance }, 'request failed');
    return reply.code(problem.status).type('application/problem+json').send(problem);
  });
  server.setNotFoundHandler((request, reply) =>
    reply
      .code(404)
      .type('application/problem+json')
      .send({
        type: 'about:blank',
        title: 'Not Found',
        status: 404,
        code: 'not-found',
        detail: 'no such route; the description is at /openapi.json',
        instance: request.url.split('?')[0],
      }),
  );
  server.addHook('onRoute', route => {
    const response = route.schema?.response;
    // Every described route also says what its errors look like.
    if (typeof response === 'object' && response !== null) Object.assign(response, { '4xx': problemSchema });
  });
  guardRoutes(server, {
    identity: dependencies.identity,
    decide: dependencies.decide,
    record: dependencies.record,
    recordStranger: dependencies.recordStranger,
    onCaller: dependencies.onCaller,
  });
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'talosgate', version: dependencies.version, description: 'Audit, approvals and health.' },
      components: {
        securitySchemes: {
          jwt: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'Or a client certificate.' },
        },
      },
    },
  });
  healthRoutes(server, dependencies);
  policyRoutes(server, dependencies);
  auditRoutes(server, dependencies);
  auditExportRoutes(server, dependencies);
  auditTailRoutes(server, dependencies);
  auditSinkRoutes(server, dependencies);
  auditReviewRoutes(server, dependencies);
  auditRetentionRoutes(server, dependencies);
  approvalRoutes(server, dependencies);
  decisionRoutes(server, dependencies);
  requestRoutes(server, dependencies);
  reviewRoutes(server, dependencies);
  approvalPage(server);
  sessionRoutes(server, dependencies);
  server.get('/openapi.json', { config: { access: { kind: 'public' } }, schema: { hide: true } }, () =>
    server.swagger(),
  );
  await server.ready();
  return {
    listen: async () => {
      await server.listen({ host: settings.host, port: settings.port });
      const address = server.server.address();
      const port = typeof address === 'object' && address !== null ? address.port : settings.port;
      return { host: settings.host, port };
    },
    openapi: () => server.swagger(),
    close: async () => {
      const cut = setTimeout(() => server.server.closeAllConnections(), closeMs);
      await server.close();
      clearTimeout(cut);
    },
  };
}

/** How long a running request may take once the door is being closed, milliseconds. */
const closeMs = 5_000;

/** TCP connections at a time; more are dropped before TLS. Far above what people and probes need. */
const maxConnections = 1024;

function createRawServer(settings: HttpSettings, handler: RequestListener): Server {
  if (settings.tls === undefined) return createPlainServer(handler);
  const server = createTlsServer(
    {
      cert: settings.tls.certificate,
      key: settings.tls.key,
      ...(settings.tls.clientCa === undefined ? {} : { ca: settings.tls.clientCa, requestCert: true }),
      // A JWT is as good as a certificate, so none is required here; access.ts decides for each request.
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
    },
    handler,
  );
  server.on('secureConnection', rememberPeer);
  return server;
}
