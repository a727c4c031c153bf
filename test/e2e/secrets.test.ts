// What passes the gateway and must never be found in what it keeps: the audit log, the approvals, the process log.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DataSchema } from '../../src/gen/common/common_pb.js';
import { ReadRequestSchema } from '../../src/gen/machine/machine_pb.js';
import { sql } from '../integration/audit/support.ts';
import { applyConfig, cp, version, worker } from '../support/calls.ts';
import { DebugSession, debugSpec, pullImage } from '../support/debug-session.ts';
import { vote } from '../support/http.ts';
import { ask } from '../support/https.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.close());

const secret = 'K10-join-token-which-nobody-may-see';

/** Everything the database holds as text, and everything the process said. */
async function kept(): Promise<string> {
  const url = stack.database.adminUrl;
  const bodies = await sql<{ text: string }>(
    url,
    `SELECT convert_from(body, 'utf8') AS text FROM talosgate.audit_entry`,
  );
  const columns = await sql<{ text: string }>(
    url,
    'SELECT to_jsonb(entry)::text AS text FROM talosgate.audit_entry AS entry',
  );
  const approvals = await sql<{ text: string }>(url, 'SELECT to_jsonb(a)::text AS text FROM talosgate.approval AS a');
  return [...bodies, ...columns, ...approvals].map(row => row.text).join('\n') + stack.log.join('\n');
}

test('no secret of a request, a reply or a credential is kept', async () => {
  const bob = stack.as('bob');
  await applyConfig(bob, { node: worker }, { data: Buffer.from(`machine:\n  token: ${secret}\n`) });
  await applyConfig(stack.as('alice'), { nodes: [worker, cp] }, { data: Buffer.from(secret), dryRun: true });
  await applyConfig(bob, { node: worker }, { data: Buffer.from(`${secret}\nnot: [yaml`) });

  const file = await stack
    .as('alice')
    .serverStream(
      '/machine.MachineService/Read',
      { node: worker },
      ReadRequestSchema,
      { path: '/etc/os-release' },
      DataSchema,
      () => false,
    );
  expect(file.code).toBe(0);
  const content =
    Buffer.concat(file.replies.map(reply => reply.bytes))
      .toString('utf8')
      .split('\n')[0] ?? '';
  expect(content.length).toBeGreaterThan(5);

  const token = stack.secrets.tokens.get('alice@example.com') ?? '';
  await version(stack.as('alice-jwt'));
  await ask(stack.api('alice'), '/api/v1/whoami', { certificate: false, token });
  const h2 = await stack.h2();
  const basic = Buffer.from(`jwt:${token}x`).toString('base64');
  await h2.unary('/machine.MachineService/Version', Buffer.of(), [['authorization', `Basic ${basic}`]]);
  await h2.unary('/machine.MachineService/Version', Buffer.of(), [['authorization', `Bearer ${secret}`]]);

  const session = new DebugSession(bob, debugSpec(await pullImage(bob), { env: { PASSWORD: secret } }));
  await vote(stack.api('carol'), await session.raise('look'));
  await session.shows('# ');
  session.type(`echo ${secret}\r`);
  await until(() => session.text.split(secret).length > 2);
  session.leave();

  await until(async () => (await kept()).includes('approval.ended'));
  const text = await kept();
  expect(text).toContain('alice@example.com');
  expect(text).toContain('config.apply');
  for (const hidden of [secret, Buffer.from(secret).toString('base64').slice(0, 30), content, token, basic]) {
    expect(text.includes(hidden.slice(0, 60))).toBe(false);
  }
  for (const part of token.split('.').slice(1)) expect(text.includes(part.slice(0, 40))).toBe(false);
  for (const key of [stack.secrets.pki.gateway.key, stack.config.audit.digest_key]) {
    expect(text.includes(key.trim().slice(-40))).toBe(false);
  }
});
