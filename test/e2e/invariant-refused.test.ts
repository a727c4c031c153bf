// "A method without annotation, a caller without proof, a target not in the fleet, a decision that threw: all refused",
// each with a record and without a byte for any node.
import { EmptySchema } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Answer } from '../../src/cli/demo/check-client.ts';
import { DemoClient } from '../../src/cli/demo/check-client.ts';
import type { AuditRecord } from '../../src/core/audit-record.ts';
import type { AuditWatch } from '../support/audit-watch.ts';
import { openBareDoor } from '../support/bare-door.ts';
import { cp, followLogs, paths, reboot, version, worker } from '../support/calls.ts';
import { expectStatus } from '../support/refusal.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { strangersForgotten } from '../support/until.ts';

let stack: Stack;
let watch: AuditWatch;
beforeAll(async () => {
  stack = await startStack();
  watch = await stack.watch();
});
afterAll(() => stack.close());
beforeEach(async () => {
  await watch.moveOn();
  stack.clearCalls();
});

/** The only record since the test began; no node has seen anything. */
async function refusal(): Promise<AuditRecord> {
  const [record] = await watch.kinds('call.deny');
  expect(stack.seen()).toEqual([]);
  if (record === undefined) throw new Error('no record');
  return record;
}

const unknown = (path: string): Promise<Answer<unknown>> =>
  stack.as('bob').unary(path, { node: worker }, EmptySchema, {}, EmptySchema);

describe('a method that the catalog does not have', () => {
  test.each([
    '/machine.MachineService/OpenShell',
    '/machine.MachineService/version',
    '/machine.MachineService/Version/',
    '/machine.machineservice/Version',
    '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
    '/grpc.health.v1.Health/Check',
    '/',
  ])('%s is refused and recorded', async path => {
    expectStatus(await unknown(path), 'UNIMPLEMENTED', /does not know this method/);
    expect(await refusal()).toMatchObject({
      reason: 'unknown-method',
      decision: 'deny',
      principal: 'bob@example.com',
      method: path,
      asked: worker,
      grpcCode: 12,
    });
  });
});

describe('a caller without proof', () => {
  test('is refused and recorded', async () => {
    expectStatus(await version(stack.as('nobody')), 'UNAUTHENTICATED', /client certificate or a token/);
    expect(await refusal()).toMatchObject({ reason: 'unauthenticated', details: { failure: 'no-credential' } });
  });

  test('who shows a revoked certificate is refused and recorded with the name claimed', async () => {
    expectStatus(await version(stack.as('dave')), 'UNAUTHENTICATED', /revoked/);
    const record = await refusal();
    expect(record).toMatchObject({
      reason: 'unauthenticated',
      details: { failure: 'bad-certificate', claimed: 'dave@example.com' },
    });
    expect(record.principal).toBeUndefined();
  });

  test.each(['alice-jwt', 'bob-jwt'] as const)('%s whose token was signed by somebody else', async caller => {
    const token = stack.secrets.tokens.get(`${caller.split('-')[0] ?? ''}@example.com`) ?? '';
    const [head, body, signature] = token.split('.');
    const forged = `${head ?? ''}.${body ?? ''}.${(signature ?? '').split('').toReversed().join('')}`;
    const client = stack.client({ ca: Buffer.from(stack.secrets.pki.clientCa.certificate), token: forged });
    expectStatus(await version(client), 'UNAUTHENTICATED', /token/);
    const record = await refusal();
    expect(record).toMatchObject({ reason: 'unauthenticated', details: { failure: 'bad-token' } });
    expect(JSON.stringify(record)).not.toContain(body);
  });

  test('whose certificate and token name different people', async () => {
    const alice = stack.secrets.pki.users.get('alice@example.com');
    const client = stack.client({
      ca: Buffer.from(stack.secrets.pki.clientCa.certificate),
      certificate: Buffer.from(alice?.certificate ?? ''),
      key: Buffer.from(alice?.key ?? ''),
      token: stack.secrets.tokens.get('bob@example.com') ?? '',
    });
    expectStatus(await reboot(client), 'UNAUTHENTICATED', /different callers/);
    expect(await refusal()).toMatchObject({ details: { failure: 'identities-differ' } });
  });

  test('whose certificate comes from another authority', async () => {
    const leaf = await stack.secrets.pki.talosCa.issueClient({
      commonName: 'bob@example.com',
      email: 'bob@example.com',
    });
    const client = stack.client({
      ca: Buffer.from(stack.secrets.pki.clientCa.certificate),
      certificate: Buffer.from(leaf.certificate),
      key: Buffer.from(leaf.key),
    });
    expectStatus(await version(client), 'UNAUTHENTICATED', /vouches/);
    expect(await refusal()).toMatchObject({ details: { failure: 'bad-certificate', claimed: 'bob@example.com' } });
  });

  test('is not told whether a method exists', async () => {
    const known = await version(stack.as('nobody'));
    const stranger = stack.as('nobody');
    const other = await stranger.unary('/machine.MachineService/OpenShell', {}, EmptySchema, {}, EmptySchema);
    expect([other.code, other.message]).toEqual([known.code, known.message]);
  });

  test('is not told whether a node exists', async () => {
    const known = await version(stack.as('nobody'));
    const other = await version(stack.as('nobody'), { node: 'no-such-node' });
    expect([other.code, other.message]).toEqual([known.code, known.message]);
  });
});

describe('a target that the fleet does not have', () => {
  beforeAll(strangersForgotten);

  test.each([
    'no-such-node',
    '10.5.0.99',
    '127.0.0.1',
    `${worker}:50000`,
    `../${worker}`,
    'localhost',
    worker.slice(1),
  ])('node %j is refused and recorded', async node => {
    expectStatus(await version(stack.as('alice'), { node }), 'INVALID_ARGUMENT', /node/);
    expect(await refusal()).toMatchObject({ reason: 'unknown-target', asked: node });
  });

  test.each([
    ['node', `${worker} `],
    ['node', ` ${worker}`],
    ['node', `${worker}\t`],
    ['nodes', `${worker} `],
    ['context', 'demo '],
    ['authorization', 'Bearer a.b.c '],
  ])('header %s with a blank, %j, is refused and not taken for absent', async (name, value) => {
    const h2 = await stack.h2('bob');
    expectStatus(await h2.unary(paths.reboot, Buffer.of(), [[name, value]]), 'INVALID_ARGUMENT', /blank/);
    expect(await refusal()).toMatchObject({ reason: 'malformed-request' });
  });

  test('one unknown among several refuses the whole of a change', async () => {
    expectStatus(await reboot(stack.as('bob'), { nodes: [worker, 'x', cp] }), 'INVALID_ARGUMENT', /no node "x"/);
    expect(await refusal()).toMatchObject({ reason: 'unknown-target', asked: `${worker} x ${cp}` });
  });

  test.each(['flagship', 'command-1', 'arg(s)'])('%s, a word that talosctl trips over, is not shown', async node => {
    expectStatus(await version(stack.as('alice'), { node }), 'INVALID_ARGUMENT', /has no node/);
    expect(await refusal()).toMatchObject({ asked: node });
  });

  test('text of the caller cannot steer a terminal', async () => {
    const h2 = await stack.h2('alice');
    const reply = await h2.unary('/machine.MachineService/Version', new Uint8Array(), [
      ['node', 'x\u00e2\u0080\u00aey'],
    ]);
    expect(reply.code).toBe(3);
    expect(reply.message).toMatch(/^[\x20-\x7e]*$/);
  });
});

describe('a decision that threw', () => {
  test('is refused and recorded, and the cause is told to nobody but the process log', async () => {
    const door = await openBareDoor(stack, {
      decide: () => {
        throw new Error('secret detail');
      },
    });
    const client = new DemoClient(door.address, stackCredential('alice'));
    try {
      for (const answer of [
        await version(client),
        await version(client, { nodes: [worker, cp] }),
        await followLogs(client),
      ]) {
        expectStatus(answer, 'INTERNAL', /internal error in talosgate/);
        expect(answer.message).not.toContain('secret');
      }
      const records = await watch.kinds('call.deny', 'call.deny', 'call.deny');
      for (const record of records) {
        expect(record).toMatchObject({ reason: 'internal-error', principal: 'alice@example.com', decision: 'deny' });
        expect(JSON.stringify(record)).not.toContain('secret');
      }
      expect(stack.seen()).toEqual([]);
      expect(door.reported).toHaveLength(3);
    } finally {
      client.close();
      await door.close();
    }
  });

  test('by an engine that answers policy-error is a denial', async () => {
    const door = await openBareDoor(stack, {
      decide: () => ({ effect: 'deny', reason: 'policy-error', rule: undefined, revision: 'r' }),
    });
    const client = new DemoClient(door.address, stackCredential('alice'));
    try {
      expectStatus(await version(client), 'PERMISSION_DENIED', /policy could not be applied/);
      expect(await refusal()).toMatchObject({ reason: 'policy-error', policyRevision: 'r', node: worker });
    } finally {
      client.close();
      await door.close();
    }
  });

  function stackCredential(first: 'alice'): ConstructorParameters<typeof DemoClient>[1] {
    const leaf = stack.secrets.pki.users.get(`${first}@example.com`);
    return {
      ca: Buffer.from(stack.secrets.pki.clientCa.certificate),
      certificate: Buffer.from(leaf?.certificate ?? ''),
      key: Buffer.from(leaf?.key ?? ''),
    };
  }
});
