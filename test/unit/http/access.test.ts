import Fastify from 'fastify';
import { describe, expect, test } from 'vitest';
import { type AccessDependencies, guardRoutes, mayStill } from '../../../src/http/access.ts';

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

describe('mayStill', () => {
  test('says no, and never rejects, when what the route is about cannot be looked up', async () => {
    const principal = { id: 'eve', kind: 'person', groups: [], proofs: [], validUntil: 0 } as const;
    const dependencies: AccessDependencies = {
      ...nobody,
      identity: { ...nobody.identity, authenticate: () => Promise.resolve({ ok: true, principal }) },
      decide: () => ({ effect: 'allow', rule: { file: 'policy.csv', line: 1, text: 'p' }, revision: '' }),
    };
    let away = false;
    const subject = () => (away ? Promise.reject(new Error('the database is away')) : Promise.resolve({}));
    const server = Fastify();
    guardRoutes(server, dependencies);
    const access = { kind: 'action', action: 'sessions.watch', risk: 'read', subject } as const;
    server.get('/watched', { config: { access } }, async request => {
      const before = await mayStill(request, dependencies);
      away = true;
      return [before, await mayStill(request, dependencies)];
    });
    expect((await server.inject('/watched')).json()).toEqual([true, false]);
    await server.close();
  });
});
