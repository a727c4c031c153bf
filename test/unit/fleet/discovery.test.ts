import { afterEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/core/clock.ts';
import { GateError } from '../../../src/core/gate-error.ts';
import type { Member } from '../../../src/core/member.ts';
import type { ClusterSettings, NodeSettings } from '../../../src/fleet/config.ts';
import { type Discovery, type DiscoveryOptions, startDiscovery } from '../../../src/fleet/discovery.ts';
import { createFleet, type FleetChange } from '../../../src/fleet/fleet.ts';
import { maxMembers, mergeMembers } from '../../../src/fleet/merge-members.ts';

const member = (hostname: string, address: string, role: Member['role'] = 'worker'): Member => ({
  hostname,
  addresses: [address],
  role,
});

const configured = (name: string, more: Partial<NodeSettings> = {}): NodeSettings => ({
  name,
  addresses: [],
  aliases: [],
  labels: {},
  ...more,
});

const merged = (members: Member[], nodes: NodeSettings[] = []) => mergeMembers(nodes, members, { site: 'x' });

describe('mergeMembers', () => {
  it('adds what is not configured, with the labels of the settings and the role that the cluster states', () => {
    expect(merged([member('W2.Example.com', '10.0.0.2'), member('cp2', 'fd00::2', 'controlplane')]).nodes).toEqual([
      { name: 'w2.example.com', addresses: ['10.0.0.2'], aliases: [], labels: { site: 'x', role: 'worker' } },
      { name: 'cp2', addresses: ['fd00::2'], aliases: [], labels: { site: 'x', role: 'controlplane' } },
    ]);
  });

  it.each([
    ['its name', configured('w2'), member('W2', '10.0.0.9')],
    ['an alias', configured('other', { aliases: ['w2'] }), member('w2', '10.0.0.9')],
    ['an address, however written', configured('other', { addresses: ['fd00::9'] }), member('w2', 'FD00:0::9')],
  ])('leaves a configured node alone that shares %s', (_what, node, found) => {
    expect(merged([found], [node])).toEqual({ nodes: [], problems: [] });
  });

  it.each<[string, Member, RegExp]>([
    ['a name that is none', member('a b', '10.0.0.1'), /its name is none/],
    ['no name', member('', '10.0.0.1'), /its name is none/],
    ['an address as name', member('10.0.0.7', '10.0.0.1'), /its name is none/],
    ['a name with a glob sign', member('*', '10.0.0.1'), /its name is none/],
    ['no address', { ...member('a', ''), addresses: [] }, /it has no address/],
    ['nothing but names as addresses', member('a', 'evil.example.com'), /it has no address/],
    ['no role', { ...member('a', '10.0.0.1'), role: undefined }, /does not say whether/],
    ['control characters in its name', member('a\u001b[2Jb', '10.0.0.1'), /^member a\[2Jb: /],
  ])('leaves out a member with %s and says so', (_what, found, problem) => {
    const { nodes, problems } = merged([found, member('good', '10.0.0.200')]);
    expect(nodes.map(({ name }) => name)).toEqual(['good']);
    expect(problems).toEqual([expect.stringMatching(problem)]);
  });

  it('leaves out both members that claim one address, so that neither takes the place of the other', () => {
    const both = [member('b', '10.0.0.1'), member('a', '10.0.0.1')];
    for (const members of [both, both.toReversed()]) {
      const { nodes, problems } = merged(members);
      expect(nodes).toEqual([]);
      expect(problems).toEqual([
        'member a: 10.0.0.1 is claimed by another member too',
        'member b: 10.0.0.1 is claimed by another member too',
      ]);
    }
  });

  it('has a bound', () => {
    const many = Array.from({ length: maxMembers + 2 }, (_, at) => member(`n${at}`, `10.1.${at >> 8}.${at & 255}`));
    expect(merged(many).nodes).toHaveLength(maxMembers);
    expect(merged(many).problems).toHaveLength(2);
  });
});

describe('startDiscovery', () => {
  const opened: Discovery[] = [];
  afterEach(async () => {
    for (const one of opened.splice(0)) await one.close();
  });

  /** A cluster of one configured control-plane node and one worker; the answers are taken one a round. */
  function setUp(
    answers: (readonly Member[] | Error)[],
    more: { keep?: number; record?: DiscoveryOptions['record'] } = {},
  ) {
    const plain: ClusterSettings = {
      ...{ name: 'prod', talos_ca: '', client_certificate: '', client_key: '', upstream: 'direct' },
      nodes: [configured('w1'), configured('cp1', { addresses: ['10.0.0.1'], labels: { role: 'controlplane' } })],
    };
    const cluster = { ...plain, discovery: { interval: 5, keep: more.keep ?? 0, labels: {} } };
    const fleet = createFleet({ clusters: [plain] });
    const asked: string[] = [];
    const changes: (FleetChange & { toldBy: string })[] = [];
    const reports: string[] = [];
    let now = 0;
    const clock: Clock = { now: () => now, monotonic: () => 0, random: size => Buffer.alloc(size) };
    const over = Promise.withResolvers<undefined>();
    const discovery = startDiscovery({
      fleet,
      clusters: [cluster],
      clock,
      list: (target, signal) => {
        asked.push(target.node);
        const next = answers.shift();
        now += 1000;
        if (next === undefined) {
          over.resolve(undefined);
          return new Promise((_, reject) => {
            signal.addEventListener('abort', () => {
              reject(GateError.from(signal.reason));
            });
          });
        }
        return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
      },
      record: (name, change, toldBy) => {
        changes.push({ ...change, toldBy });
        return more.record?.(name, change, toldBy) ?? Promise.resolve();
      },
      report: (_name, problem) => reports.push(problem),
    });
    opened.push(discovery);
    const names = (): string[] => fleet.targets.map(({ node }) => node);
    return { fleet, asked, changes, reports, over: over.promise, discovery, names };
  }

  const [w1, w2, w3] = [member('w1', '10.0.0.11'), member('w2', '10.0.0.12'), member('w3', '10.0.0.13')];

  it('asks a control-plane node first, records what is new, and has it in force then', async () => {
    const world = setUp([[w1, w2]]);
    await world.discovery.first;
    expect(world.asked[0]).toBe('cp1');
    expect(world.changes).toEqual([{ added: ['w2'], removed: [], changed: [], toldBy: 'cp1' }]);
    expect(world.fleet.find('prod', '10.0.0.12')).toMatchObject({ node: 'w2', dial: '10.0.0.12:50000' });
    // As configured: the cluster's address of w1 is not taken over.
    expect(world.fleet.find('prod', 'w1')?.dial).toBe('w1:50000');
    expect(world.fleet.find('prod', '10.0.0.11')).toBeUndefined();
  });

  it('goes on to the next node when one does not answer or knows nobody', async () => {
    const world = setUp([new Error('away'), [w2]]);
    await world.discovery.first;
    expect(world.asked.slice(0, 2)).toEqual(['cp1', 'w1']);
    expect(world.names()).toEqual(['w1', 'cp1', 'w2']);
  });

  it('asks no member before all configured nodes, whatever it says of itself', async () => {
    const away = new Error('away');
    const world = setUp([[member('a9', '10.0.0.19', 'controlplane')], away, away, away]);
    await world.over;
    expect(world.asked.slice(0, 4)).toEqual(['cp1', 'cp1', 'w1', 'a9']);
  });

  it('records changes and departures, and nothing where there is none', async () => {
    const moved = member('w2', '10.0.0.99');
    const world = setUp([[w2, w3], [w3, w2], [moved], [moved]]);
    await world.over;
    expect(world.changes).toEqual([
      { added: ['w2', 'w3'], removed: [], changed: [], toldBy: 'cp1' },
      { added: [], removed: ['w3'], changed: ['w2'], toldBy: 'cp1' },
    ]);
    expect(world.fleet.find('prod', '10.0.0.12')).toBeUndefined();
    expect(world.fleet.find('prod', '10.0.0.99')?.node).toBe('w2');
  });

  it('keeps the last list while nobody answers, and complains once', async () => {
    const away = new GateError('upstream-unavailable', 'nobody home');
    const world = setUp([[w2], away, away, away, away, [], away]);
    await world.over;
    expect(world.names()).toEqual(['w1', 'cp1', 'w2']);
    expect(world.changes).toHaveLength(1);
    expect(world.reports).toEqual(['nobody home; the last list stays in force']);
  });

  it('keeps a member that is gone for the time that is configured', async () => {
    // One second passes with each question.
    const world = setUp([[w2, w3], [w3], [w3], [w3], [w3]], { keep: 2500 });
    await world.over;
    expect(world.changes.map(({ added, removed }) => [added, removed])).toEqual([
      [['w2', 'w3'], []],
      [[], ['w2']],
    ]);
    const kept = setUp([[w2, w3], [w3], [w3]], { keep: 60_000 });
    await kept.over;
    expect(kept.names()).toEqual(['w1', 'cp1', 'w3', 'w2']);
  });

  it('lets who comes in the place of one that is gone have its address', async () => {
    const world = setUp([[w2], [member('w9', '10.0.0.12')]], { keep: 60_000 });
    await world.over;
    expect(world.fleet.find('prod', '10.0.0.12')?.node).toBe('w9');
    expect(world.changes.at(-1)).toMatchObject({ added: ['w9'], removed: ['w2'] });
  });

  it('changes nothing that could not be recorded, and tries again', async () => {
    let failing = true;
    const seen: string[][] = [];
    const world = setUp([[w2], [w2], [w2]], {
      record: () => {
        seen.push(world.names());
        if (!failing) return Promise.resolve();
        failing = false;
        return Promise.reject(new GateError('audit-unavailable', 'the log is away'));
      },
    });
    await world.over;
    expect(seen).toEqual([
      ['w1', 'cp1'],
      ['w1', 'cp1'],
    ]);
    expect(world.names()).toEqual(['w1', 'cp1', 'w2']);
    expect(world.reports).toEqual(['the log is away; the last list stays in force']);
  });
});
