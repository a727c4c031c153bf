// What a security review found, one test each, so that none of it comes back.
import { constants, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callApi, streamApi } from '../../src/cli/client.ts';
import { DataSchema } from '../../src/gen/common/common_pb.js';
import { DebugSession, debugSpec, pullImage } from '../support/debug-session.ts';
import { vote } from '../support/http.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({
    policy: [
      'p, group:robots, *, *, approvals.decide, *, allow',
      // carol loses her credential in one of the tests, so alice approves here.
      'p, user:alice@example.com, *, *, approvals.decide, *, allow',
      'p, user:bob@example.com, *, *, etcd.recover-upload, **, approve',
    ],
    config: raw => {
      raw['approvals'] = { session: '3s', idle: '1s', max_open: 100 };
      const identity = raw['identity'] as { jwt: Record<string, unknown>[] };
      identity.jwt = identity.jwt.map(issuer => ({ ...issuer, machine_when: { claim: 'robot', equals: 'yes' } }));
    },
  });
});
afterAll(() => stack.close());

describe('the HTTP door', () => {
  test('does not renegotiate, so nobody becomes somebody else on a connection that was verified', async () => {
    const tls = stack.config.listen.http.tls;
    if (tls?.clientCa === undefined) throw new Error('the stack serves HTTPS with client certificates');
    const socket = await new Promise<TLSSocket>((resolve, reject) => {
      const opened = connect(
        {
          port: stack.app.http.port,
          host: '127.0.0.1',
          servername: 'localhost',
          ca: stack.secrets.pki.clientCa.certificate,
          cert: readFileSync(join(stack.directory, 'pki/alice.crt')),
          key: readFileSync(join(stack.directory, 'pki/alice.key')),
          maxVersion: 'TLSv1.2',
          secureOptions: constants.SSL_OP_LEGACY_SERVER_CONNECT,
        },
        () => resolve(opened),
      );
      opened.once('error', reject);
    });
    socket.on('error', () => undefined);
    const outcome = await new Promise<string>(resolve => {
      socket.once('close', () => resolve('closed'));
      socket.renegotiate({ rejectUnauthorized: false }, error => resolve(error === null ? 'renegotiated' : 'refused'));
    });
    socket.destroy();
    expect(outcome).not.toBe('renegotiated');
  });

  test('ends the following of the log when its reader loses their credential', async () => {
    const carol = stack.api('carol');
    const lines: unknown[] = [];
    const stop = new AbortController();
    const reading = (async () => {
      for await (const line of streamApi(carol, '/api/v1/audit/tail', stop.signal)) lines.push(line);
    })();
    // Something to see, so that the stream is known to be up.
    await until(async () => {
      await callApi(carol, 'GET', '/api/v1/audit?limit=1');
      return lines.length > 0;
    });
    const serial = new X509Certificate(readFileSync(join(stack.directory, 'pki/carol.crt'))).serialNumber;
    await stack.revoke(serial);
    await reading;
    expect(stop.signal.aborted).toBe(false);
    await expect(callApi(carol, 'GET', '/api/v1/whoami')).rejects.toThrow(/revoked/);
  });

  test('lets only people vote', async () => {
    const claims = { robot: 'yes', groups: ['robots'] };
    const token = await stack.secrets.signer.sign({
      email: 'ci@example.com',
      groups: ['robots'],
      seconds: 600,
      claims,
    });
    const status = await new Promise<string>((resolve, reject) => {
      const sent = request(
        {
          port: stack.app.http.port,
          host: '127.0.0.1',
          servername: 'localhost',
          path: '/api/v1/approvals/dbg-22222/decision',
          method: 'POST',
          ca: stack.secrets.pki.clientCa.certificate,
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        },
        response => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk;
          });
          response.on('end', () => resolve(`${response.statusCode ?? 0} ${text}`));
        },
      );
      sent.on('error', reject);
      sent.end(JSON.stringify({ verdict: 'approve', reason: 'beep' }));
    });
    expect(status).toMatch(/^403 .*only people/s);
  });
});

describe('a debug session', () => {
  async function approved(env: string): Promise<DebugSession> {
    const session = new DebugSession(
      stack.as('bob'),
      debugSpec(await pullImage(stack.as('bob')), { env: { TEST: env } }),
    );
    const id = await session.raise('a look around');
    expect(await vote(stack.api('alice'), id)).toBe('approved');
    await until(() => session.text.includes('/ # '));
    return session;
  }

  test('ends when nobody has typed or read anything for the idle time, with a line and an exit code', async () => {
    const session = await approved('idle');
    await until(() => session.status !== undefined);
    expect(session.text).toContain('was idle for 1 s');
    expect(session.exitCode).toBe(1);
    expect(session.status).toBe(9);
  });

  test('ends when its longest time is over, however busy it is', async () => {
    const session = await approved('busy');
    const typing = setInterval(() => session.type('id\r'), 200);
    await until(() => session.status !== undefined);
    clearInterval(typing);
    expect(session.text).toContain('reached its limit of 3 s');
    expect(session.exitCode).toBe(1);
  });
});

test('an upload that needs approval is refused, because only its first message could be bound', async () => {
  stack.clearCalls();
  const stream = stack
    .as('bob')
    .bidi('/machine.MachineService/EtcdRecover', { node: 'demo-cp-1' }, DataSchema, DataSchema);
  const message = await new Promise<string>(resolve => {
    stream.on('error', (error: Error & { details?: string }) => resolve(error.details ?? error.message));
    stream.on('data', () => undefined);
    stream.write({ $typeName: 'common.Data', bytes: Buffer.from('a snapshot') });
  });
  expect(message).toContain('an upload cannot be approved yet');
  expect(stack.seen()).toEqual([]);
});
