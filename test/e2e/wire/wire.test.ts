import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCatalog } from '../../../src/catalog/catalog.ts';
import { type Stack, startStack } from '../../support/stack.ts';
import { differences, shapeOf } from './reply-shape.ts';
import { samples } from './samples.ts';
import { type Addressing, connectTalosctl, type Exchange, type Talosctl } from './talosctl.ts';
import { nodes, startTwins, type Twins, wireCluster } from './twins.ts';

let stack: Stack;
let twins: Twins;
let carol: Talosctl;
const catalog = createCatalog();
beforeAll(async () => {
  stack = await startStack({
    config: async (raw, secrets) => {
      twins = await startTwins(secrets);
      raw['clusters'] = twins.clusters;
      raw['approvals'] = { reason_required: false, max_open: 100 };
    },
    policy: [
      'p, user:carol@example.com, *, *, *, **, allow',
      'p, user:alice@example.com, *, *, *, **, deny',
      'p, user:bob@example.com, *, *, approvals.decide, **, allow',
    ],
  });
  const leaf = stack.secrets.pki.users.get('carol@example.com')!;
  carol = await connectTalosctl({ port: stack.app.grpc.port, ca: stack.secrets.pki.clientCa.certificate, ...leaf });
});
afterAll(async () => {
  await carol.close();
  await stack.close();
  await twins.close();
});
const context = wireCluster;
describe('allowed', () => {
  for (const s of samples) {
    const m = catalog.lookup(s.path)!;
    const streams = m.kind === 'server-streaming' || m.kind === 'bidi-streaming';
    const own = s.on === 'controlplane' ? nodes.cp2 : nodes.worker;
    const gens: [string, Addressing, number][] = [
      ['node', { node: own }, 1],
      ['nodes 1', { nodes: [own] }, 1],
      ['nodes 2', { nodes: [own, s.on === 'controlplane' ? nodes.worker : nodes.cp1] }, 2],
      ['neither', {}, 1],
    ];
    test(s.path, async () => {
      const bad: string[] = [];
      for (const [name, to, k] of gens) {
        const merged = to.nodes !== undefined && m.aggregates;
        await twins.each(async t => {
          for (const p of s.prepare ?? []) {
            const r = await t.admin.send(p, { node: name === 'neither' ? nodes.cp1 : own }, { context });
            if (r.code !== 0) bad.push('prepare ' + r.message);
          }
        });
        const take = s.take === undefined ? undefined : s.take * k;
        const d = await twins.direct.admin.send(s, to, { context, take });
        const g = await carol.send(s, to, { context, take });
        for (const x of differences(shapeOf(d, merged, streams), shapeOf(g, merged, streams)))
          bad.push(`${name}: ${x.text}`);
        if (name === 'node' && d.code !== 0 && !d.left) bad.push(`direct: ${d.code} ${d.message}`);
        if (name === 'node' && s.take && !d.left) bad.push(`not left ${d.messages.length}`);
        if (name === 'node' && s.take && d.messages.length !== take) bad.push(`have ${d.messages.length}`);
      }
      expect(bad).toEqual([]);
    });
  }
});
