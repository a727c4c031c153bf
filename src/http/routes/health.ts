import { Type } from 'typebox';
import type { HttpDependencies } from '../dependencies.ts';
import type { TypedServer } from '../typed-server.ts';

const access = { kind: 'public' } as const;

/** Probes and metrics: public, and free of anything that names people, nodes or rules. */
export function healthRoutes(server: TypedServer, dependencies: HttpDependencies): void {
  server.get(
    '/livez',
    {
      config: { access },
      schema: { tags: ['health'], response: { 200: Type.Object({ status: Type.Literal('ok') }) } },
    },
    () => ({ status: 'ok' as const }),
  );
  const readiness = Type.Object({
    ready: Type.Boolean(),
    checks: Type.Array(Type.Object({ name: Type.String(), ok: Type.Boolean(), message: Type.String() })),
  });
  server.get(
    '/readyz',
    { config: { access }, schema: { tags: ['health'], response: { 200: readiness, 503: readiness } } },
    async (_request, reply) => {
      const checks = dependencies.readiness().map(check => ({ ...check }));
      const ready = checks.every(check => check.ok);
      return reply.code(ready ? 200 : 503).send({ ready, checks });
    },
  );
  server.get('/metrics', { config: { access }, schema: { tags: ['health'] } }, async (_request, reply) => {
    return reply.type('text/plain; version=0.0.4; charset=utf-8').send(await dependencies.metricsText());
  });
}
