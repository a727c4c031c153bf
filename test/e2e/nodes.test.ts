// Several nodes in one call, aliases, clusters: who is called, who decides, what is recorded (talos.md 1 and 3).
import { EmptySchema } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { DataSchema } from '../../src/gen/common/common_pb.js';
import {
  ApplyConfigurationRequest_Mode,
  ReadRequestSchema,
  type VersionResponse,
  VersionResponseSchema,
} from '../../src/gen/machine/machine_pb.js';
import { type SimCluster, startSimCluster } from '../../src/sim/sim.ts';
import type { AuditWatch } from '../support/audit-watch.ts';
import { applyConfig, cp, followLogs, paths, reboot, version, worker, worker2 } from '../support/calls.ts';
import { expectStatus } from '../support/refusal.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

let stack: Stack;
let watch: AuditWatch;
let lab: SimCluster;
beforeAll(async () => {
  stack = await startStack({
    config: async (raw, secrets) => {
      const leaf = await secrets.pki.talosCa.issueServer('lab-cp-1', ['lab-cp-1', '10.9.0.2']);
      const tls = { ...leaf, clientCa: secrets.pki.talosCa.certificate };
      const node = { name: 'lab-cp-1', cluster: 'lab', role: 'controlplane', address: '10.9.0.2' } as const;
      lab = await startSimCluster({ clock: systemClock, nodes: [{ ...node, listen: '127.0.0.1:0', tls }] });
      const clusters = raw['clusters'] as {
        name: string;
        nodes: { name: string; labels: object; aliases?: string[] }[];
      }[];
      const [demo] = clusters;
      if (demo === undefined) throw new Error('no cluster');
      const labels = { role: 'controlplane' };
      const labNode = { name: 'lab-cp-1', addresses: ['10.9.0.2'], dial: lab.nodes[0]?.dial, labels };
      clusters.push({ ...demo, name: 'lab', nodes: [labNode] });
      for (const each of demo.nodes) {
        if (each.name === worker)
          Object.assign(each, { aliases: ['worker.example.com'], addresses: ['10.5.0.3', 'fd00::3'] });
        if (each.name === worker2) each.labels = { role: 'worker', zone: 'secret' };
      }
      raw['default_cluster'] = 'demo';
    },
    policy: [
      'p, user:alice@example.com, *, "zone=secret", class:read, **, deny',
      'p, user:bob@example.com, *, "zone=secret", config.apply, **, deny',
      'p, user:bob@example.com, lab, *, node.reboot, **, deny',
    ],
  });
  watch = await stack.watch();
});
afterAll(async () => {
  await stack.close();
  await lab.close();
});
beforeEach(async () => {
  await watch.moveOn();
  stack.clearCalls();
  for (const node of lab.nodes) node.control.clearCalls();
});

const three = { nodes: [cp, worker, worker2] };

/** Per node: the version, or the error that stands in its place. */
function byNode(reply: VersionResponse | undefined): Record<string, string> {
  return Object.fromEntries(
    (reply?.messages ?? []).map(({ metadata, version: told }) => {
      const status = metadata?.status;
      const error = `${status?.code ?? ''} ${metadata?.error ?? ''}`;
      return [metadata?.hostname ?? '', told === undefined ? error : told.tag];
    }),
  );
}

describe('a read on several nodes', () => {
  test('is decided for each; a denied one is an error in its place, the others answer', async () => {
    const answer = await version(stack.as('alice'), three);
    expect(answer.code).toBe(0);
    const told = byNode(answer.replies[0]);
    expect(Object.keys(told).toSorted()).toEqual([cp, worker, worker2]);
    expect(told[cp]).toMatch(/^v1/);
    expect(told[worker]).toMatch(/^v1/);
    expect(told[worker2]).toMatch(
      /^7 rpc error: code = PermissionDenied desc = talosgate: node\.version .*denied by the rule/,
    );
    expect(stack.seen().map(call => call.node)).toEqual([cp, worker]);

    const records = await watch.kinds('call.intent', 'call.intent', 'call.deny', 'call.outcome', 'call.outcome');
    expect(new Set(records.map(record => record.callId)).size).toBe(1);
    const legs = (kind: string): unknown[] =>
      records
        .filter(record => record.kind === kind)
        .map(record => [record.leg, record.node])
        .toSorted();
    expect(legs('call.intent')).toEqual([
      [0, cp],
      [1, worker],
    ]);
    expect(legs('call.outcome')).toEqual(legs('call.intent'));
    expect(legs('call.deny')).toEqual([[2, worker2]]);
  });

  test('has an unknown one in its place, recorded, and the others answer', async () => {
    const answer = await version(stack.as('bob'), { nodes: ['ghost', worker, cp] });
    expect(answer.code).toBe(0);
    const told = byNode(answer.replies[0]);
    expect(Object.keys(told).toSorted()).toEqual([cp, worker, 'ghost']);
    expect(told['ghost']).toMatch(/^3 rpc error: code = InvalidArgument desc = cluster demo has no node "ghost"/);
    const records = await watch.kinds('call.deny', 'call.intent', 'call.intent', 'call.outcome', 'call.outcome');
    expect(records.find(({ kind }) => kind === 'call.deny')).toMatchObject({
      leg: 0,
      cluster: 'demo',
      asked: 'ghost',
      reason: 'unknown-target',
      grpcCode: 3,
    });
    const legs = records.filter(({ kind }) => kind === 'call.intent').map(record => [record.leg, record.node]);
    expect(legs).toEqual([
      [1, worker],
      [2, cp],
    ]);
    const streamed = await followLogs(stack.as('bob'), { nodes: ['ghost', worker] }, replies =>
      replies.some(reply => reply.bytes.length > 0),
    );
    expect(streamed.replies[0]?.metadata).toMatchObject({ hostname: 'ghost', status: { code: 3 } });
  });

  test('with streamed replies has the denied one in band too', async () => {
    const answer = await followLogs(stack.as('alice'), { nodes: [worker2, worker] }, replies => {
      return replies.some(reply => reply.metadata?.status?.code === 7) && replies.some(reply => reply.bytes.length > 0);
    });
    expect(answer.code).toBe(0);
    for (const { metadata, bytes } of answer.replies) {
      expect(metadata?.hostname).toBe(bytes.length > 0 ? worker : worker2);
    }
    expect(stack.seen().map(call => call.node)).toEqual([worker]);
  });

  test('of which every node is denied still ends with OK, as apid does', async () => {
    const answer = await version(stack.as('alice'), { nodes: [worker2] });
    expect(answer.code).toBe(0);
    expect(byNode(answer.replies[0])[worker2]).toMatch(/^7 /);
    await watch.kinds('call.deny');
    expect(stack.seen()).toEqual([]);
  });

  test('of which one is away has UNAVAILABLE in its place, within two seconds', async () => {
    await version(stack.as('bob'), three);
    await watch.moveOn();
    await stack.nodes.worker.control.kill();
    try {
      const answer = await version(stack.as('bob'), three);
      expect(answer.code).toBe(0);
      expect(answer.milliseconds).toBeLessThan(2_500);
      const told = byNode(answer.replies[0]);
      expect(told[worker]).toMatch(/^14 rpc error: code = Unavailable desc = node demo-worker-1/);
      expect(told[cp]).toMatch(/^v1/);
      expect(told[worker2]).toMatch(/^v1/);
      const intents = ['call.intent', 'call.intent', 'call.intent'] as const;
      const records = await watch.kinds(...intents, 'call.outcome', 'call.outcome', 'call.outcome');
      const lost = records.find(({ kind, node }) => kind === 'call.outcome' && node === worker);
      expect(lost).toMatchObject({ grpcCode: 14 });
    } finally {
      await stack.nodes.worker.control.start();
    }
    await until(async () => (await version(stack.as('bob'))).code === 0);
  });

  test('of which one dies while it streams goes on with the others', async () => {
    let told = 0;
    const following = followLogs(stack.as('bob'), { nodes: [worker, worker2] }, replies => {
      told = replies.length;
      return replies.some(reply => reply.metadata?.hostname === worker && reply.metadata.status?.code === 14);
    });
    await until(() => told > 4);
    await stack.nodes.worker.control.kill();
    const answer = await following;
    await stack.nodes.worker.control.start();
    expect(answer.code).toBe(0);
    await until(async () => (await version(stack.as('bob'))).code === 0);
  });

  test('that names one node twice calls it twice', async () => {
    const answer = await version(stack.as('alice'), { nodes: [worker, '10.5.0.3'] });
    expect(answer.replies[0]?.messages.map(({ metadata }) => metadata?.hostname).toSorted()).toEqual([
      '10.5.0.3',
      worker,
    ]);
    expect(stack.seen()).toHaveLength(2);
    const records = await watch.kinds('call.intent', 'call.intent', 'call.outcome', 'call.outcome');
    expect(records.map(record => record.node)).toEqual([worker, worker, worker, worker]);
  });
});

describe('a change on several nodes', () => {
  const change = { data: Buffer.from('machine: {}\n'), mode: ApplyConfigurationRequest_Mode.NO_REBOOT };

  test('is refused as a whole when one of them is denied', async () => {
    const answer = await applyConfig(stack.as('bob'), { nodes: [worker, worker2] }, change);
    expectStatus(answer, 'PERMISSION_DENIED', /config\.apply .*demo-worker-2.*denied by the rule/);
    expect(stack.seen()).toEqual([]);
    const [record] = await watch.kinds('call.deny');
    expect(record).toMatchObject({ node: worker2, leg: 1, reason: 'rule' });
  });

  test('goes to each when all are allowed, with an outcome for each', async () => {
    for (const node of [stack.nodes.cp, stack.nodes.worker]) {
      node.control.failNext(paths.applyConfiguration, { code: 'FAILED_PRECONDITION', message: 'busy' });
    }
    const answer = await applyConfig(stack.as('bob'), { nodes: [cp, worker] }, change);
    expect(answer.code).toBe(0);
    expect(answer.replies[0]?.messages.map(({ metadata }) => metadata?.status?.code)).toEqual([9, 9]);
    const records = await watch.kinds('call.intent', 'call.intent', 'call.outcome', 'call.outcome');
    expect(records.filter(({ kind }) => kind === 'call.outcome').map(({ grpcCode }) => grpcCode)).toEqual([9, 9]);
  });

  test('that reveals secrets is all or nothing too', async () => {
    const read = { path: '/etc/kubernetes/pki/ca.key' };
    const client = stack.as('alice');
    const answer = await client.serverStream(
      '/machine.MachineService/Read',
      { nodes: [worker, cp] },
      ReadRequestSchema,
      read,
      DataSchema,
      () => false,
    );
    expectStatus(answer, 'PERMISSION_DENIED', /file\.read/);
    await watch.kinds('call.deny', 'call.deny');
  });

  test('by a method that apid does not fan out is refused', async () => {
    const answer = await stack
      .as('bob')
      .unary('/cosi.resource.State/Get', { nodes: [worker, cp] }, EmptySchema, {}, EmptySchema);
    expectStatus(answer, 'INVALID_ARGUMENT', /one-2-many proxying is not supported/);
    await watch.kinds('call.deny');
  });
});

describe('a node', () => {
  test.each([worker, worker.toUpperCase(), '10.5.0.3', 'worker.example.com', 'fd00::3', '[fd00::3]', 'FD00:0:0::0003'])(
    'named %s is the same node with the same decision',
    async node => {
      expect((await version(stack.as('alice'), { node })).code).toBe(0);
      expectStatus(await reboot(stack.as('alice'), { node }), 'PERMISSION_DENIED', /node\.reboot .*demo-worker-1/);
      expect(stack.seen()).toEqual([{ node: worker, path: paths.version }]);
      const records = await watch.kinds('call.intent', 'call.outcome', 'call.deny');
      for (const record of records) expect(record.node).toBe(worker);
      expect(records[0]?.asked).toBe(node === worker ? undefined : node);
    },
  );

  test.each(['10.5.0.4', 'DEMO-WORKER-2', worker2])('that is denied is denied as %s', async node => {
    expectStatus(await version(stack.as('alice'), { node }), 'PERMISSION_DENIED', /demo-worker-2/);
    expect(stack.seen()).toEqual([]);
  });

  test('not named means a control-plane node', async () => {
    expect((await version(stack.as('alice'), {})).code).toBe(0);
    expect(stack.seen()).toEqual([{ node: cp, path: paths.version }]);
    const [intent] = await watch.kinds('call.intent', 'call.outcome');
    expect(intent).toMatchObject({ node: cp, cluster: 'demo' });
  });

  test('given both ways means nodes, as in apid', async () => {
    const h2 = await stack.h2('alice');
    const reply = await h2.unary(paths.version, Buffer.of(), [
      ['node', worker],
      ['nodes', cp],
    ]);
    expect(reply.code).toBe(0);
    expect(stack.seen()).toEqual([{ node: cp, path: paths.version }]);
  });
});

describe('a cluster', () => {
  const call = async (fields: readonly (readonly [string, string])[], path: string = paths.version) =>
    await (await stack.h2('bob')).unary(path, Buffer.of(), fields);
  const labSaw = (): number => lab.nodes.reduce((sum, { control }) => sum + control.calls().length, 0);

  test.each(['context', 'cluster'])('is chosen by the key %s', async key => {
    const reply = await call([[key, 'lab']]);
    expect(reply.code).toBe(0);
    expect(labSaw()).toBe(1);
    expect(stack.seen()).toEqual([]);
    expect(
      (
        await call([
          [key, 'lab'],
          ['node', 'lab-cp-1'],
        ])
      ).code,
    ).toBe(0);
    expect(labSaw()).toBe(2);
  });

  test('has its own nodes and no other', async () => {
    expectStatus(
      await call([
        ['context', 'lab'],
        ['node', worker],
      ]),
      'INVALID_ARGUMENT',
      /cluster lab has no node/,
    );
    expectStatus(
      await call([
        ['context', 'demo'],
        ['node', 'lab-cp-1'],
      ]),
      'INVALID_ARGUMENT',
      /cluster demo has no node/,
    );
    expect(labSaw()).toBe(0);
    expect(stack.seen()).toEqual([]);
  });

  test('has its own rules', async () => {
    expectStatus(
      await call([['context', 'lab']], paths.reboot),
      'PERMISSION_DENIED',
      /cluster lab.*denied by the rule/,
    );
    expect(labSaw()).toBe(0);
  });

  test.each(['nowhere', 'DEMO', 'demo/'])('called %s is not known', async name => {
    expectStatus(await call([['context', name]]), 'INVALID_ARGUMENT', /knows no cluster/);
    await watch.kinds('call.deny');
    expect(stack.seen()).toEqual([]);
  });

  test('is the default one when none is named', async () => {
    const answer = await stack.as('bob').unary(paths.version, {}, EmptySchema, {}, VersionResponseSchema);
    expect(answer.code).toBe(0);
    expect(stack.seen().map(({ node }) => node)).toEqual([cp]);
  });
});
