// Who may use which route of the JSON API, on a whole gateway.

import { readFileSync } from 'node:fs';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AuditWatch } from '../../support/audit-watch.ts';
import { ask } from '../../support/https.ts';
import { type Stack, startStack } from '../../support/stack.ts';
import { strangersForgotten } from '../../support/until.ts';

let stack: Stack;
let watch: AuditWatch;
beforeAll(async () => {
  stack = await startStack();
  watch = await stack.watch();
});
afterAll(() => stack.close());
beforeEach(() => watch.moveOn());

interface OpenApi {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly responses: object }>>>>;
}

const description = async (): Promise<OpenApi> =>
  (await ask(stack.api('alice'), '/openapi.json', { certificate: false })).body as OpenApi;

/** Every route that the description lists, with something in the place of its parameters. */
async function routes(): Promise<{ method: string; path: string }[]> {
  return Object.entries((await description()).paths).flatMap(([path, methods]) =>
    Object.keys(methods).map(method => ({ method: method.toUpperCase(), path: path.replaceAll(/\{[a-z]+\}/g, 'x') })),
  );
}

describe('the description', () => {
  test('lists every route', async () => {
    const { openapi, paths } = await description();
    expect(openapi).toBe('3.1.0');
    const listed = Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map(m => `${m} ${path}`));
    expect(listed.toSorted()).toEqual([
      'get /api/v1/approvals',
      'get /api/v1/approvals/{id}',
      'get /api/v1/audit',
      'get /api/v1/audit/calls/{call}',
      'get /api/v1/audit/config-history',
      'get /api/v1/audit/export',
      'get /api/v1/audit/holds',
      'get /api/v1/audit/retention',
      'get /api/v1/audit/sinks',
      'get /api/v1/audit/stats',
      'get /api/v1/audit/tail',
      'get /api/v1/reviews',
      'get /api/v1/reviews/{id}',
      'get /api/v1/sessions',
      'get /api/v1/sessions/{id}',
      'get /api/v1/sessions/{id}/recording',
      'get /api/v1/sessions/{id}/watch',
      'get /api/v1/whoami',
      'get /livez',
      'get /metrics',
      'get /readyz',
      'post /api/v1/approvals',
      'post /api/v1/approvals/{id}/cancel',
      'post /api/v1/approvals/{id}/decision',
      'post /api/v1/approvals/{id}/revoke',
      'post /api/v1/approvals/{id}/withdraw',
      'post /api/v1/audit/holds',
      'post /api/v1/audit/holds/{name}/remove',
      'post /api/v1/audit/lookup',
      'post /api/v1/audit/prunes',
      'post /api/v1/audit/prunes/{id}/record',
      'post /api/v1/audit/sinks/{name}/forget',
      'post /api/v1/audit/sinks/{name}/resume',
      'post /api/v1/policy/explain',
      'post /api/v1/reviews/{id}/close',
      'post /api/v1/sessions/{id}/kill',
    ]);
  });
});

describe('without a credential', () => {
  test('only probes and metrics answer; everything else is 401 and on record', async () => {
    let refused = 0;
    for (const { method, path } of await routes()) {
      const open = ['/livez', '/readyz', '/metrics'].includes(path);
      if (!open && ++refused % 9 === 0) await strangersForgotten();
      const body = method === 'POST' ? {} : undefined;
      const answer = await ask(stack.api('alice'), path, { method, certificate: false, body });
      expect(`${method} ${path} ${answer.status}`).toBe(`${method} ${path} ${open ? 200 : 401}`);
      if (open) continue;
      expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
      expect(answer.body).toMatchObject({ code: 'unauthenticated', status: 401, instance: path });
    }
    const denied = (await watch.records()).filter(record => record.kind === 'call.deny');
    expect(denied).toHaveLength(refused);
    for (const record of denied) {
      expect(record).toMatchObject({ reason: 'unauthenticated', details: { failure: 'no-credential' } });
      expect(record.method).toMatch(/^(GET|POST) \/api\/v1\//);
      expect(record.peerAddress).toBe('127.0.0.1');
    }
  });
});

describe('a credential', () => {
  beforeAll(strangersForgotten);
  const whoami = '/api/v1/whoami';

  test('may be a certificate', async () => {
    const answer = await ask(stack.api('alice'), whoami);
    expect(answer.body).toMatchObject({ id: 'alice@example.com', kind: 'person', proofs: ['mtls'] });
  });

  test('may be a token, with Bearer or as the password of Basic', async () => {
    const token = stack.secrets.tokens.get('bob@example.com') ?? '';
    const bearer = await ask(stack.api('alice'), whoami, { certificate: false, token });
    expect(bearer.body).toMatchObject({ id: 'bob@example.com', proofs: ['jwt'] });
    const headers = { authorization: `Basic ${Buffer.from(`jwt:${token}`).toString('base64')}` };
    expect((await ask(stack.api('alice'), whoami, { certificate: false, headers })).body).toMatchObject({
      id: 'bob@example.com',
    });
    const both = await ask(stack.api('bob'), whoami, { token });
    expect(both.body).toMatchObject({ id: 'bob@example.com', proofs: ['mtls', 'jwt'] });
  });

  test('of somebody else beside one’s own is refused', async () => {
    const token = stack.secrets.tokens.get('bob@example.com') ?? '';
    const answer = await ask(stack.api('alice'), whoami, { token });
    expect(answer.body).toMatchObject({ status: 401, detail: expect.stringMatching(/different callers/) as string });
    const [record] = await watch.kinds('call.deny');
    expect(record).toMatchObject({ details: { failure: 'identities-differ' } });
  });

  test('that was revoked is refused', async () => {
    const answer = await ask(stack.api('dave'), whoami);
    expect(answer.status).toBe(401);
    const [record] = await watch.kinds('call.deny');
    expect(record).toMatchObject({ details: { failure: 'bad-certificate', claimed: 'dave@example.com' } });
  });

  test('given twice is refused and on record', async () => {
    const token = stack.secrets.tokens.get('bob@example.com') ?? '';
    const headers = { authorization: [`Bearer ${token}`, `Bearer ${token}`] };
    const answer = await ask(stack.api('bob'), whoami, { headers });
    expect(answer.status).toBe(401);
    expect(answer.text).not.toContain(token.slice(0, 20));
    const [record] = await watch.kinds('call.deny');
    expect(record).toMatchObject({ reason: 'unauthenticated', method: `GET ${whoami}` });
  });

  test('does not survive its connection: no session is resumed', async () => {
    const { port } = stack.app.http;
    const { pki } = stack.secrets;
    const leaf = pki.users.get('carol@example.com');
    const base = { port, host: '127.0.0.1', servername: 'localhost', ca: pki.clientCa.certificate };
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const first = connect({ ...base, cert: leaf?.certificate, key: leaf?.key, maxVersion: version });
      let session: Buffer | undefined;
      first.on('session', ticket => {
        session = ticket;
      });
      first.once('secureConnect', () => {
        session ??= first.getSession();
      });
      expect(await get(first, whoami)).toMatch(/200 OK.*carol@example\.com/s);
      if (session === undefined) throw new Error('nothing to resume');
      const second = connect({ ...base, maxVersion: version, session });
      let reused: boolean | undefined;
      second.once('secureConnect', () => {
        reused = second.isSessionReused();
      });
      expect(await get(second, whoami)).toMatch(/401 Unauthorized/);
      expect(reused).toBe(false);
    }
  });

  async function get(socket: TLSSocket, path: string): Promise<string> {
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`);
    await new Promise((resolve, reject) => {
      socket.once('close', resolve);
      socket.once('error', reject);
    });
    return text;
  }
});

describe('a right', () => {
  test.each([
    ['alice', 'GET', '/api/v1/audit', 'audit.read'],
    ['bob', 'GET', '/api/v1/audit/tail', 'audit.read'],
    ['bob', 'GET', '/api/v1/audit/export?format=jsonl', 'audit.export'],
    ['alice', 'GET', '/api/v1/audit/calls/01a205c3-5698-73eb-b582-71c715ecd6de', 'audit.read'],
    ['alice', 'GET', '/api/v1/approvals', 'approvals.read'],
    ['alice', 'GET', '/api/v1/approvals/dbg-22222', 'approvals.read'],
    ['bob', 'POST', '/api/v1/approvals/dbg-22222/decision', 'approvals.decide'],
  ] as const)('%s does not have, on %s %s, is missed and on record', async (who, method, path, action) => {
    const body = method === 'POST' ? { verdict: 'approve', reason: 'x' } : undefined;
    const answer = await ask(stack.api(who), path, { method, body });
    expect(answer.body).toMatchObject({ status: 403, code: 'denied' });
    expect((answer.body as { detail: string }).detail).toContain(`${who}@example.com may not ${action}`);
    const [record] = await watch.kinds('call.deny');
    expect(record).toMatchObject({
      principal: `${who}@example.com`,
      action,
      reason: 'no-rule',
      decision: 'deny',
      policyRevision: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
    expect(record?.proofs).toHaveLength(1);
  });

  test('about oneself needs none', async () => {
    const body = { node: 'demo-worker-1', action: 'node.reboot', resource: 'power/default' };
    const refused = await ask(stack.api('alice'), '/api/v1/policy/explain', { method: 'POST', body });
    expect(refused.body).toMatchObject({ effect: 'deny' });
    const allowed = await ask(stack.api('bob'), '/api/v1/policy/explain', { method: 'POST', body });
    expect(allowed.body).toMatchObject({ effect: 'allow' });
    expect((allowed.body as { text: string }).text).toMatch(/policies\/roles\.csv:\d+/);
  });

  test.each([
    [{ node: 'nowhere', action: 'node.reboot', resource: 'x' }, 404],
    [{ node: 'demo-worker-1', action: 'no.such', resource: 'x' }, 400],
    [{ node: 'demo-worker-1', action: 'node.reboot' }, 400],
    [{ node: 'demo-worker-1', action: 'node.reboot', resource: 'x', as: 'bob@example.com' }, 400],
    ['{"node":', 400],
    ['x'.repeat(70_000), 413],
  ])('to explain: %j gives %d', async (body, status) => {
    const answer = await ask(stack.api('alice'), '/api/v1/policy/explain', { method: 'POST', body });
    expect(answer.body).toMatchObject({ status, type: 'about:blank', instance: '/api/v1/policy/explain' });
    expect(answer.status).toBe(status);
  });
});

describe('a stranger', () => {
  test('a URL that does not exist looks like one that does', async () => {
    for (const path of ['/', '/admin', '/api/v1/nothing', '/api/v1/audit/../../etc']) {
      expect((await ask(stack.api('alice'), path, { certificate: false })).status).toBe(401);
    }
    expect((await ask(stack.api('alice'), '/api/v1/nothing')).body).toMatchObject({ status: 404, code: 'not-found' });
  });

  test.each(['HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('%s opens nothing either', async method => {
    const answer = await ask(stack.api('alice'), '/api/v1/audit', { method, certificate: false });
    expect(answer.status).toBe(401);
  });
});

test('the certificate of the door is what the configuration names', () => {
  expect(stack.config.listen.http.tls?.certificate).toBe(readFileSync(`${stack.directory}/pki/gateway.crt`, 'utf8'));
});
