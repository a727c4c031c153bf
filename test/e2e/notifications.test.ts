// A request for a debug container reaches the people who can decide it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DebugSession, debugSpec, pullImage } from '../support/debug-session.ts';
import { vote } from '../support/http.ts';
import { type HttpReceiver, startHttpReceiver } from '../support/http-receiver.ts';
import { type SmtpReceiver, startSmtpReceiver } from '../support/smtp-receiver.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

const secret = 'a-secret-that-is-a-canary-in-logs';
let hook: HttpReceiver;
let mail: SmtpReceiver;
let stack: Stack;
let folder: string;
beforeAll(async () => {
  hook = await startHttpReceiver();
  mail = await startSmtpReceiver({ clear: true });
  folder = await mkdtemp(join(tmpdir(), 'talosgate-notify-'));
  const file = join(folder, 'hook-secret');
  await writeFile(file, secret);
  stack = await startStack({
    config: raw => {
      raw['notifications'] = {
        webhooks: [{ name: 'pager', url: hook.url, secret: { file }, events: ['requested', 'denied'] }],
        mail: [
          {
            name: 'leads',
            server: mail.address,
            tls: 'none',
            from: 'gate@example.com',
            to: ['leads@example.com'],
            events: ['denied'],
          },
        ],
      };
      raw['approvals'] = { ...(raw['approvals'] as object | undefined), base_url: 'https://gate.example.com' };
    },
  });
});
afterAll(async () => {
  await stack.close();
  await hook.close();
  await mail.close();
  await rm(folder, { recursive: true });
});

test('a request and its denial are told, each where it was asked for, and recorded', async () => {
  const watch = await stack.watch();
  const session = new DebugSession(stack.as('bob'), debugSpec(await pullImage(stack.as('bob'))));
  const id = await session.raise();
  await until(() => hook.received.length === 1);
  expect(JSON.parse(hook.received[0]?.body ?? '')).toMatchObject({
    type: 'approval.requested',
    data: {
      approval: { id, requester: 'bob@example.com', node: 'demo-worker-1' },
      link: `https://gate.example.com/approvals/${id}`,
    },
  });
  expect(await vote(stack.api('carol'), id, 'deny', 'not during the freeze')).toBe('denied');
  await until(() => hook.received.length === 2 && mail.received.length === 1);
  expect(JSON.parse(hook.received[1]?.body ?? '')).toMatchObject({ type: 'approval.denied' });
  expect(mail.received[0]?.text).toContain(`Subject: [talosgate] debug.run on demo-worker-1 denied`);
  await session.ends();
  await until(async () => (await watch.records()).filter(one => one.kind === 'notification.delivered').length === 3);
  const told = (await watch.records()).filter(one => one.kind === 'notification.delivered');
  expect(told.map(one => one.details?.['channel']).toSorted()).toEqual(['leads', 'pager', 'pager']);
  expect(told.every(one => one.approvalId === id)).toBe(true);
  expect(stack.log.join('\n')).not.toContain(secret);
});
