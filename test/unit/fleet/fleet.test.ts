import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Target } from '../../../src/core/target.ts';
import type { ClusterSettings, FleetSettings, NodeSettings } from '../../../src/fleet/config.ts';
import { createFleet, type FleetAnswer, type FleetAsk, maxNodesPerCall } from '../../../src/fleet/fleet.ts';

function node(name: string, more: Partial<NodeSettings> = {}): NodeSettings {
  return { name, addresses: [], aliases: [], labels: {}, ...more };
}

function cluster(name: string, nodes: NodeSettings[]): ClusterSettings {
  return { name, talos_ca: '/ca', client_certificate: '/crt', client_key: '/key', upstream: 'direct', nodes };
}

const prod = cluster('prod', [
  node('w1', {
    addresses: ['10.0.0.11', 'fd00::11'],
    aliases: ['W1.Example.com', 'worker-1'],
    labels: { zone: 'a' },
  }),
  node('cp1', { addresses: ['10.0.0.1'], labels: { role: 'controlplane' } }),
]);
const lab = cluster('lab', [node('cp1', { addresses: ['10.0.0.1'], dial: '192.0.2.9:6000' }), node('only-a-name')]);

const oneCluster: FleetSettings = { clusters: [prod] };
const twoClusters: FleetSettings = { clusters: [prod, lab] };

const ask = (more: Partial<FleetAsk>): FleetAsk => ({ context: undefined, node: undefined, nodes: [], ...more });

function targetsOf(answer: FleetAnswer): readonly Target[] {
  if (!answer.ok) throw new Error(answer.message);
  return answer.route.kind === 'single' ? [answer.route.target] : answer.route.targets;
}

function messageOf(answer: FleetAnswer): string {
  if (answer.ok) throw new Error('was found');
  return answer.message;
}

/** An IPv6 address of eight groups, in one of the ways in which it may be written. */
const spellingsOfIPv6 = (groups: readonly number[]) => {
  const hex = groups.map(group => group.toString(16));
  const padded = hex.map(text => text.padStart(4, '0'));
  const zeros = hex.join(':').replace(/(^|:)0(:0)+(:|$)/, '::');
  return fc
    .tuple(fc.constantFrom(hex.join(':'), padded.join(':'), zeros), fc.boolean(), fc.boolean())
    .map(([text, upper, brackets]) => {
      const cased = upper ? text.toUpperCase() : text;
      return brackets ? `[${cased}]` : cased;
    });
};

describe('createFleet', () => {
  it.each([
    'w1',
    'W1',
    'w1.',
    'w1.example.com',
    'W1.EXAMPLE.COM.',
    'worker-1',
    '10.0.0.11',
    '::ffff:10.0.0.11',
    '::FFFF:a00:b',
    '[0:0:0:0:0:ffff:10.0.0.11]',
    'fd00::11',
    'FD00:0:0::0011',
    '[fd00:0000:0000:0000:0000:0000:0000:0011]',
  ])('leads from %s to the same target, and keeps what was asked', asked => {
    const [target] = targetsOf(createFleet(oneCluster).resolve(ask({ node: asked })));
    expect(target).toEqual({
      cluster: 'prod',
      node: 'w1',
      dial: '10.0.0.11:50000',
      identities: ['10.0.0.11', 'fd00::11', 'w1', 'w1.example.com', 'worker-1'],
      labels: { zone: 'a' },
      asked,
    });
  });

  it('leads from every spelling of an IPv6 address to its node, and to no other', () => {
    const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
    const address = fc.array(group, { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(
        address.chain(groups => fc.tuple(spellingsOfIPv6(groups), spellingsOfIPv6(groups), fc.constant(groups))),
        fc.nat(7),
        ([configured, asked, groups], position) => {
          const bare = configured.replace(/^\[|\]$/g, '');
          const fleet = createFleet({ clusters: [cluster('c', [node('n', { addresses: [bare] })])] });
          expect(targetsOf(fleet.resolve(ask({ node: asked })))[0]?.node).toBe('n');
          const neighbour = groups.map((value, index) => (index === position ? value ^ 1 : value));
          const spelled = neighbour.map(value => value.toString(16)).join(':');
          expect(fleet.resolve(ask({ node: spelled })).ok).toBe(false);
        },
      ),
    );
  });

  it('treats an IPv4 address and its IPv6-mapped form as one', () => {
    fc.assert(
      fc.property(fc.ipV4(), address => {
        const fleet = createFleet({ clusters: [cluster('c', [node('n', { addresses: [address] })])] });
        expect(targetsOf(fleet.resolve(ask({ node: `::ffff:${address}` })))[0]?.node).toBe('n');
      }),
    );
  });

  it('never finds a node for what is not one of its spellings', () => {
    const fleet = createFleet(oneCluster);
    const known = /^(w1(\.example\.com)?|worker-1|cp1|10\.0\.0\.(11|1))\.?$/i;
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.domain(), fc.ipV4(), fc.ipV4Extended(), fc.ipV6()), asked => {
        fc.pre(!known.test(asked));
        expect(fleet.find('prod', asked)).toBeUndefined();
      }),
    );
  });

  it.each([
    ['', 'empty'],
    ['10.0.0.11:50000', 'without a port'],
    ['w1:50000', 'without a port'],
    ['[fd00::11]:50000', 'without a port'],
    ['fd00::11%eth0', 'zone'],
    ['[fd00::11%25eth0]', 'zone'],
    ['10.0.0.011', 'no node'],
    ['0x0a.0.0.11', 'no node'],
    ['167772171', 'no node'],
    ['[10.0.0.11]', 'no node'],
    [' w1', 'no node'],
    ['w1..', 'no node'],
    ['wor\u212aer-1', 'no node'],
    ['w1,cp1', 'no node'],
    ['*', 'no node'],
  ])('refuses the node %j', (asked, words) => {
    expect(messageOf(createFleet(oneCluster).resolve(ask({ node: asked })))).toContain(words);
  });

  it('repeats an unknown name only in part and without control characters', () => {
    const message = messageOf(createFleet(oneCluster).resolve(ask({ node: `\u001b[2J${'x'.repeat(500)}` })));
    expect(message).toContain('"?[2Jxxx');
    expect(message.length).toBeLessThan(200);
  });

  it('goes to a control-plane node when none is named, asked being empty', () => {
    const [target] = targetsOf(createFleet(oneCluster).resolve(ask({})));
    expect(target).toMatchObject({ node: 'cp1', asked: '' });
  });

  it('refuses a call that names no node in a cluster without control plane', () => {
    expect(messageOf(createFleet(twoClusters).resolve(ask({ context: 'lab' })))).toContain('name a node');
  });

  it('selects the cluster by name, and its nodes only', () => {
    const fleet = createFleet(twoClusters);
    expect(targetsOf(fleet.resolve(ask({ context: 'lab', node: '10.0.0.1' })))[0]).toMatchObject({
      cluster: 'lab',
      node: 'cp1',
      dial: '192.0.2.9:6000',
    });
    expect(messageOf(fleet.resolve(ask({ context: 'lab', node: 'w1' })))).toContain('cluster lab has no node "w1"');
    expect(messageOf(fleet.resolve(ask({ context: 'PROD', node: 'w1' })))).toContain('no cluster "PROD"');
    expect(messageOf(fleet.resolve(ask({ context: '', node: 'w1' })))).toContain('no cluster ""');
  });

  it('needs a cluster to be named when there are several and none is the default', () => {
    expect(messageOf(createFleet(twoClusters).resolve(ask({ node: 'w1' })))).toContain('set cluster');
    const fleet = createFleet({ ...twoClusters, default_cluster: 'prod' });
    expect(targetsOf(fleet.resolve(ask({ node: 'w1' })))[0]?.cluster).toBe('prod');
  });

  it('answers nodes with an aggregate in the order asked, one entry per mention, also for one node', () => {
    const fleet = createFleet(oneCluster);
    const answer = fleet.resolve(ask({ nodes: ['10.0.0.11', 'cp1', 'w1'], node: 'ignored' }));
    expect(answer.ok && answer.route.kind).toBe('aggregate');
    expect(targetsOf(answer).map(target => [target.node, target.asked])).toEqual([
      ['w1', '10.0.0.11'],
      ['cp1', 'cp1'],
      ['w1', 'w1'],
    ]);
    const single = fleet.resolve(ask({ nodes: ['w1'] }));
    expect(single.ok && single.route.kind).toBe('aggregate');
  });

  it('tells unknown nodes from the others, each in its place', () => {
    const answer = createFleet(oneCluster).resolve(ask({ nodes: ['nobody', 'w1', 'ghost', 'cp1'] }));
    expect(targetsOf(answer).map(target => target.node)).toEqual(['w1', 'cp1']);
    expect(answer.ok && answer.route.kind === 'aggregate' && answer.route.unknown).toEqual([
      { at: 0, cluster: 'prod', asked: 'nobody', message: expect.stringContaining('no node "nobody"') as string },
      { at: 2, cluster: 'prod', asked: 'ghost', message: expect.stringContaining('no node "ghost"') as string },
    ]);
  });

  it('refuses the whole call when all are unknown, for one that is no name, and for more nodes than the bound', () => {
    const fleet = createFleet(oneCluster);
    expect(messageOf(fleet.resolve(ask({ nodes: ['nobody', 'ghost'] })))).toContain('"nobody"');
    expect(messageOf(fleet.resolve(ask({ nodes: ['w1', ''] })))).toContain('empty');
    expect(messageOf(fleet.resolve(ask({ nodes: ['w1', 'w1:50000'] })))).toContain('without a port');
    const most = Array.from({ length: maxNodesPerCall }, () => 'w1');
    expect(targetsOf(fleet.resolve(ask({ nodes: most })))).toHaveLength(maxNodesPerCall);
    expect(messageOf(fleet.resolve(ask({ nodes: [...most, 'w1'] })))).toContain('at most 256');
  });

  it('says nothing that makes talosctl print its usage text', () => {
    const fleet = createFleet(twoClusters);
    for (const one of [
      ask({}),
      ask({ context: 'x' }),
      ask({ context: 'lab' }),
      ask({ context: 'prod', node: 'x:1' }),
    ]) {
      expect(messageOf(fleet.resolve(one))).not.toMatch(/arg\(s\)|flag|command/);
    }
  });

  it('lists every node once and finds it by any spelling', () => {
    const fleet = createFleet(twoClusters);
    expect(fleet.targets.map(target => `${target.cluster}/${target.node}`)).toEqual([
      'prod/w1',
      'prod/cp1',
      'lab/cp1',
      'lab/only-a-name',
    ]);
    expect(fleet.find('prod', 'FD00::11')).toMatchObject({ node: 'w1', asked: 'FD00::11' });
    expect(fleet.find('lab', 'only-a-name')?.dial).toBe('only-a-name:50000');
    expect(fleet.find('elsewhere', 'w1')).toBeUndefined();
  });

  it('dials an IPv6 address in brackets', () => {
    const fleet = createFleet({ clusters: [cluster('c', [node('n', { addresses: ['FD00:0::11'] })])] });
    expect(fleet.find('c', 'n')?.dial).toBe('[fd00::11]:50000');
  });

  it('does not start with settings that have a problem', () => {
    const twice = { clusters: [cluster('c', [node('a', { addresses: ['10.0.0.1'] }), node('b', { aliases: ['A'] })])] };
    expect(() => createFleet(twice)).toThrow('both node a and node b');
  });
});

describe('createFleet with upstream: control-plane', () => {
  const fleet = createFleet({ clusters: [{ ...prod, upstream: 'control-plane' }] });

  it('leads to workers through the control plane, by their first address', () => {
    const [target] = targetsOf(fleet.resolve(ask({ node: 'worker-1' })));
    expect(target).toMatchObject({
      node: 'w1',
      asked: 'worker-1',
      detour: {
        as: '10.0.0.11',
        endpoints: [{ node: 'cp1', dial: '10.0.0.1:50000', identities: ['10.0.0.1', 'cp1'] }],
      },
    });
  });

  it('dials control-plane nodes themselves', () => {
    expect(fleet.find('prod', 'cp1')?.detour).toBeUndefined();
    expect(targetsOf(fleet.resolve(ask({})))[0]?.detour).toBeUndefined();
  });

  it('names a node without address by its name', () => {
    const named = { ...cluster('c', [...lab.nodes, node('cp2', { labels: { role: 'controlplane' } })]) };
    const through = createFleet({ clusters: [{ ...named, upstream: 'control-plane' }] });
    expect(through.find('c', 'only-a-name')?.detour?.as).toBe('only-a-name');
  });

  it('needs a control-plane node', () => {
    expect(() => createFleet({ clusters: [{ ...lab, upstream: 'control-plane' }] })).toThrow(/no control-plane node/);
  });
});
