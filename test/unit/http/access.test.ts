import Fastify from 'fastify';
import { describe, expect, test } from 'vitest';
import { type AccessDependencies, guardRoutes } from '../../../src/http/access.ts';

const nobody: AccessDependencies = {
  identity: {
    authenticate: () => Promise.resolve({ ok: false, reason: 'no-credential', message: 'who?', claimed: undefined }),
    close: () => Promise.resolve(),
  },
  decide: () => ({ effect: 'deny', reason: 'no-rule', rule: undefined, revision: '' }),
  record: () => Promise.resolve(),
  recordStranger: () => Promise.resolve(),
};

describe('guardRoutes', () => {
  test('does not take a route that states no access level', () => {
    const server = Fastify();
    guardRoutes(server, nobody);
    expect(() => server.get('/secret', () => 'x')).toThrow(/route GET \/secret states no access level/);
    expect(() => server.route({ method: ['PUT', 'POST'], url: '/more', config: {}, handler: () => 'x' })).toThrow(
      /\/more states no access level/,
    );
  });

  test('takes one that does, and keeps strangers from it', async () => {
    const server = Fastify();
    guardRoutes(server, nobody);
    server.get('/open', { config: { access: { kind: 'public' } } }, () => 'open');
    server.get('/closed', { config: { access: { kind: 'authenticated' } } }, () => 'closed');
    expect((await server.inject('/open')).body).toBe('open');
    const refused = await server.inject('/closed');
    expect(refused.statusCode).toBeGreaterThanOrEqual(400);
    expect(refused.body).not.toContain('closed');
    await server.close();
  });
});
