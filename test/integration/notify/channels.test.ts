// Every channel against a real receiver: what arrives, and what the channel makes of the answer.
import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import type { Channel } from '../../../src/notify/channel.ts';
import { mailChannel } from '../../../src/notify/mail.ts';
import type { Message } from '../../../src/notify/message.ts';
import { slackChannel } from '../../../src/notify/slack.ts';
import { webhookChannel } from '../../../src/notify/webhook.ts';
import { type HttpReceiver, startHttpReceiver } from '../../support/http-receiver.ts';
import { createTestPki } from '../../support/pki.ts';
import { type SmtpReceiver, type SmtpReceiverSettings, startSmtpReceiver } from '../../support/smtp-receiver.ts';

const message: Message = {
  id: 'evt_7_oncall',
  kind: 'requested',
  at: Date.UTC(2026, 10, 23, 3, 0, 0),
  approval: {
    id: 'dbg-7k3f9',
    action: 'debug.run',
    resource: 'debug/example.com/tools@sha256:aa',
    cluster: 'prod',
    node: 'worker-1',
    requester: 'bob@example.com',
    reason: 'fix <!channel> stuck\r\nBcc: evil@example.com *now* \u202e',
    state: 'pending',
    expiresAt: Date.UTC(2026, 10, 23, 4, 0, 0),
  },
  by: undefined,
  words: undefined,
  link: 'https://gate.example.com/approvals/dbg-7k3f9',
};
const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const never = new AbortController().signal;

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});
async function http(tls?: { certificate: string; key: string }): Promise<HttpReceiver> {
  const receiver = await startHttpReceiver(tls);
  open.push(receiver);
  return receiver;
}
async function smtp(settings?: SmtpReceiverSettings): Promise<SmtpReceiver> {
  const receiver = await startSmtpReceiver(settings);
  open.push(receiver);
  return receiver;
}
const webhook = (url: string, ca?: string): Channel =>
  webhookChannel({ name: 'oncall', events: ['requested'], url, secret }, ca, systemClock);

describe('webhookChannel', () => {
  test('posts JSON that the receiver can prove by the Standard Webhooks rule, over TLS with the given CA', async () => {
    const pki = await createTestPki('p256');
    const receiver = await http(await pki.issue({ commonName: 'hook', ips: ['127.0.0.1'], usages: ['server'] }));
    expect(await webhook(receiver.url, pki.ca).tell(message, never)).toEqual({
      outcome: 'delivered',
      message: 'HTTP 204',
    });
    expect(await webhook(receiver.url).tell(message, never)).toMatchObject({ outcome: 'failed' });
    const [{ headers, body } = { headers: {}, body: '' }] = receiver.received;
    const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
    const key = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64');
    expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
    expect(headers['webhook-id']).toBe('evt_7_oncall');
    expect(Math.abs(Number(headers['webhook-timestamp']) * 1000 - Date.now())).toBeLessThan(60_000);
    expect(JSON.parse(body)).toMatchObject({
      type: 'approval.requested',
      timestamp: '2026-11-23T03:00:00.000Z',
      data: { approval: { id: 'dbg-7k3f9', expiresAt: '2026-11-23T04:00:00.000Z' }, link: message.link },
    });
  });

  test.each([
    [[200], { outcome: 'delivered' }],
    [[302], { outcome: 'refused', message: 'HTTP 302' }],
    [[410], { outcome: 'refused', message: 'HTTP 410' }],
    [[500], { outcome: 'failed', retryAfterMs: undefined }],
    [[{ status: 429, headers: { 'retry-after': '7' } }], { outcome: 'failed', retryAfterMs: 7_000 }],
  ] as const)('takes the answer %j as %j', async (answers, attempt) => {
    const receiver = await http();
    receiver.answer(...answers);
    expect(await webhook(receiver.url).tell(message, never)).toMatchObject(attempt);
  });

  test('fails without naming the address when nobody is there, and when it is told to stop', async () => {
    const receiver = await http();
    receiver.answer('hang');
    const gone = new AbortController();
    const telling = webhook(receiver.url).tell(message, gone.signal);
    gone.abort();
    const told = await telling;
    expect(told.outcome).toBe('failed');
    expect(told.message).not.toContain('127.0.0.1');
    await receiver.close();
    open.length = 0;
    const attempt = await webhook(receiver.url).tell(message, never);
    expect(attempt).toEqual({
      outcome: 'failed',
      message: 'the request failed (ECONNREFUSED)',
      retryAfterMs: undefined,
    });
  });
});

describe('slackChannel', () => {
  test('posts one text that calls nobody and disguises nothing', async () => {
    const receiver = await http();
    const channel = slackChannel({ name: 'chat', events: ['requested'], url: receiver.url }, undefined);
    expect(await channel.tell(message, never)).toMatchObject({ outcome: 'delivered' });
    const { text } = JSON.parse(receiver.received[0]?.body ?? '{}') as { text: string };
    expect(text.split('\n')[0]).toBe('*debug.run on worker-1 needs approval (dbg-7k3f9)*');
    expect(text).toContain('*Look:* https://gate.example.com/approvals/dbg-7k3f9');
    expect(text).toContain('&lt;!channel&gt;');
    expect(text).not.toMatch(/<|\u202e|\r/);
    expect(text).not.toContain('*now*');
  });
});

describe('mailChannel', () => {
  const settings = {
    name: 'mail',
    events: ['requested' as const],
    from: 'talosgate@example.com',
    to: ['leads@example.com', 'oncall@example.com'],
  };

  test('sends over STARTTLS with a login, and a reason cannot add a header', async () => {
    const pki = await createTestPki('p256');
    const leaf = await pki.issue({ commonName: 'mail', ips: ['127.0.0.1'], usages: ['server'] });
    const server = await smtp({ ...leaf, user: 'gate', password: 'pass-word-canary' });
    const channel = mailChannel(
      { ...settings, server: server.address, tls: 'starttls', user: 'gate', password: 'pass-word-canary' },
      pki.ca,
    );
    expect(await channel.tell(message, never)).toEqual({ outcome: 'delivered', message: 'sent' });
    const [mail] = server.received;
    expect(mail).toMatchObject({ from: 'talosgate@example.com', to: settings.to, user: 'gate', secure: true });
    const text = mail?.text ?? '';
    const [head, body] = [text.slice(0, text.indexOf('\r\n\r\n')), text.slice(text.indexOf('\r\n\r\n'))];
    expect(head).toMatch(/^Subject: \[talosgate\] debug\.run on worker-1 needs approval \(dbg-7k3f9\)$/m);
    expect(head).toMatch(/^Message-ID: <evt_7_oncall@example\.com>$/im);
    expect(head).not.toMatch(/^Bcc:/im);
    expect(body.replace(/=\r\n/g, '')).toMatch(/Requester:\s+bob@example\.com/);
  });

  test('does not send in the clear when STARTTLS is demanded, nor with a wrong certificate', async () => {
    const clear = await smtp({ clear: true });
    const demanding = mailChannel({ ...settings, server: clear.address, tls: 'starttls' }, undefined);
    expect(await demanding.tell(message, never)).toMatchObject({ outcome: 'failed' });
    const strange = await smtp(await (await createTestPki('p256')).issue({ commonName: 'x', ips: ['127.0.0.1'] }));
    const strict = mailChannel({ ...settings, server: strange.address, tls: 'starttls' }, undefined);
    expect(await strict.tell(message, never)).toMatchObject({ outcome: 'failed' });
    expect([...clear.received, ...strange.received]).toEqual([]);
  });

  test('tries again after a 4yz and not after a 5yz; a wrong password can be put right', async () => {
    const server = await smtp({ clear: true });
    const channel = mailChannel({ ...settings, server: server.address, tls: 'none' }, undefined);
    server.refuse(451);
    expect(await channel.tell(message, never)).toEqual({
      outcome: 'failed',
      message: 'SMTP 451',
      retryAfterMs: undefined,
    });
    server.refuse(554);
    expect(await channel.tell(message, never)).toEqual({ outcome: 'refused', message: 'SMTP 554' });
    server.refuse(0);
    expect(await channel.tell(message, never)).toMatchObject({ outcome: 'delivered' });
    expect(server.received).toHaveLength(1);
  });
});
