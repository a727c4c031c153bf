// Probes and metrics, and what the web door does without Postgres.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cp, reboot, version, worker } from '../../support/calls.ts';
import { ask, type HttpAnswer } from '../../support/https.ts';
import { type Stack, startStack } from '../../support/stack.ts';
import { until } from '../../support/until.ts';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ wire: true });
});
afterAll(() => stack.close());

const probe = (path: string): Promise<HttpAnswer> => ask(stack.api('alice'), path, { certificate: false });

describe('the metrics', () => {
  test('count calls, and name no person, node, address, rule or resource', async () => {
    await version(stack.as('alice'), { node: worker });
    await version(stack.as('alice'), { nodes: [cp, worker] });
    await reboot(stack.as('alice'));
    await version(stack.as('nobody'));
    await version(stack.as('alice'), { node: 'no-such-node' });
    const { text, headers } = await probe('/metrics');
    expect(headers['content-type']).toMatch(/^text\/plain/);
    expect(text).toMatch(/talosgate_calls_total\{action="node\.version",decision="allow",code="OK"\} 2/);
    expect(text).toMatch(/talosgate_calls_total\{action="node\.reboot",decision="deny",code="PERMISSION_DENIED"\} 1/);
    expect(text).toMatch(/talosgate_refusals_total\{reason="unauthenticated"\} 1/);
    expect(text).toMatch(/talosgate_refusals_total\{reason="unknown-target"\} 1/);
    expect(text).toMatch(/talosgate_refusals_total\{reason="no-rule"\} 1/);
    expect(text).toMatch(/talosgate_call_seconds_count\{risk="read"\} \d/);
    expect(text).toMatch(/talosgate_audit_intent_seconds_count 2/);
    expect(text).toMatch(/talosgate_audit_up 1/);
    expect(text).toMatch(/talosgate_open_calls 0/);
    expect(text).toMatch(/talosgate_policy_loads_total\{result="activated"\} 1/);
    expect(text).not.toMatch(/alice|bob|example\.com|demo-|no-such|10\.5\.|127\.0|policy\.csv|roles\.csv|power\//);
  });

  test('have no label that a caller chooses', async () => {
    const h2 = await stack.h2('alice');
    for (let at = 0; at < 20; at += 1) await h2.unary(`/made.up.Service/Method${at}`);
    const { text } = await probe('/metrics');
    expect(text).not.toContain('made.up');
    expect(text).toMatch(/talosgate_calls_total\{action="unknown",decision="deny",code="UNIMPLEMENTED"\} 20/);
  });
});

describe('readiness', () => {
  test('says yes when records can be written, in words without names', async () => {
    expect((await probe('/livez')).body).toEqual({ status: 'ok' });
    const { status, body, text } = await probe('/readyz');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      ready: true,
      checks: [
        { name: 'audit', ok: true },
        { name: 'retention', ok: true, message: 'no record is older than 400 d' },
        { name: 'policy', ok: true },
        { name: 'serving', ok: true },
      ],
    });
    expect(text).not.toMatch(/postgres|127\.0|talosgate_test/);
  });

  test('says no while Postgres is away, and yes again after; living goes on', async () => {
    stack.wire.cut();
    // Somebody has to need the log for its absence to be noticed.
    await version(stack.as('alice'));
    await until(async () => (await probe('/readyz')).status === 503);
    const { body, text } = await probe('/readyz');
    expect(body).toMatchObject({
      ready: false,
      checks: [
        { name: 'audit', ok: false },
        { name: 'retention', ok: true },
        { name: 'policy', ok: true },
        { name: 'serving', ok: true },
      ],
    });
    expect(text).not.toMatch(/postgres|127\.0|ECONN|talosgate_test/i);
    expect((await probe('/livez')).status).toBe(200);
    expect((await probe('/metrics')).text).toMatch(/talosgate_audit_up 0/);

    // Nothing is read or decided that cannot be recorded, and no refusal is told that is not on record.
    const unrecorded = [
      ask(stack.api('carol'), '/api/v1/audit'),
      ask(stack.api('carol'), '/api/v1/audit/tail'),
      ask(stack.api('alice'), '/api/v1/audit'),
      ask(stack.api('dave'), '/api/v1/whoami'),
      probe('/api/v1/whoami'),
    ];
    for (const answer of await Promise.all(unrecorded)) {
      expect(answer.body).toMatchObject({ status: 503, code: 'audit-unavailable' });
      expect(answer.text).not.toMatch(/127\.0|ECONN|talosgate_test/);
    }
    expect((await ask(stack.api('carol'), '/api/v1/approvals')).status).toBe(503);
    expect((await ask(stack.api('alice'), '/api/v1/whoami')).status).toBe(200);

    stack.wire.mend();
    await until(async () => (await probe('/readyz')).status === 200);
    expect((await ask(stack.api('carol'), '/api/v1/audit?limit=1')).status).toBe(200);
  });
});

describe('the policy', () => {
  test('in force stays when the new one is wrong, and the page of a caller names its revision', async () => {
    const revision = async (): Promise<unknown> =>
      ((await ask(stack.api('alice'), '/api/v1/whoami')).body as { policyRevision: string }).policyRevision;
    const before = await revision();
    const watch = await stack.watch();
    await expect(stack.addPolicy('p, user:alice@example.com, *, *, no.such.action, **, allow')).rejects.toThrow(
      /policy refused/,
    );
    expect(await revision()).toBe(before);
    await until(async () => (await watch.records()).some(({ kind }) => kind === 'policy.refused'));
    expect((await probe('/metrics')).text).toMatch(/talosgate_policy_loads_total\{result="refused"\} [1-9]/);
    await stack.resetPolicy();
    await stack.addPolicy('p, user:alice@example.com, *, *, node.reboot, **, deny');
    expect(await revision()).not.toBe(before);
  });
});
