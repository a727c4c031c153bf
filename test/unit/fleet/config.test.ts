import Value from 'typebox/value';
import { describe, expect, it } from 'vitest';
import { FleetSettings, fleetProblems, type NodeSettings } from '../../../src/fleet/config.ts';

function settings(nodes: Partial<NodeSettings>[], more: Partial<FleetSettings> = {}): FleetSettings {
  const full = nodes.map((node, index) => ({ name: `n${index}`, addresses: [], aliases: [], labels: {}, ...node }));
  return {
    clusters: [
      { name: 'prod', talos_ca: 'ca', client_certificate: 'crt', client_key: 'key', upstream: 'direct', nodes: full },
    ],
    ...more,
  };
}

const problems = (value: FleetSettings) =>
  fleetProblems(value).map(problem => `${problem.path.join('.')}: ${problem.message}`);

describe('fleetProblems', () => {
  it.each<[string, Partial<NodeSettings>[]]>([
    ['the name of one as alias of another', [{ name: 'a' }, { aliases: ['A.'] }]],
    ['one address', [{ addresses: ['10.0.0.1'] }, { addresses: ['10.0.0.1'] }]],
    ['one address in two spellings', [{ addresses: ['fd00::1'] }, { addresses: ['FD00:0:0:0:0:0:0:1'] }]],
    ['an IPv4 address and its mapped form', [{ addresses: ['10.0.0.1'] }, { aliases: ['::ffff:10.0.0.1'] }]],
    ['one name', [{ name: 'same' }, { name: 'same' }]],
  ])('finds two nodes that share %s, and names both', (_, nodes) => {
    expect(problems(settings(nodes))).toHaveLength(1);
    expect(problems(settings(nodes))[0]).toMatch(/would mean both node \S+ and node \S+$/);
  });

  it('lets one node repeat itself, and two clusters use the same names', () => {
    const value = settings([{ name: 'a', aliases: ['a', 'A'] }]);
    const [first] = value.clusters;
    if (first === undefined) throw new Error('no cluster');
    expect(problems({ clusters: [first, { ...first, name: 'lab' }] })).toEqual([]);
  });

  it.each([
    [{ addresses: ['w1.example.com'] }, 'addresses.0'],
    [{ addresses: ['10.0.0.1:50000'] }, 'addresses.0'],
    [{ addresses: ['fe80::1%eth0'] }, 'addresses.0'],
    [{ addresses: ['10.0.0.01'] }, 'addresses.0'],
    [{ aliases: ['w1:50000'] }, 'aliases.0'],
    [{ aliases: ['a b'] }, 'aliases.0'],
    [{ aliases: ['10.1'] }, 'aliases.0'],
  ])('finds what is no address or name: %j', (node, where) => {
    expect(problems(settings([node]))[0]).toContain(`clusters.0.nodes.0.${where}: `);
  });

  it('finds two clusters of one name, and a default that is none of them', () => {
    const value = settings([{}], { default_cluster: 'lab' });
    expect(problems(value)).toEqual(['default_cluster: there is no cluster named lab']);
    expect(problems({ clusters: [...value.clusters, ...value.clusters] })).toEqual([
      'clusters.1.name: there are two clusters named prod',
    ]);
  });
});

describe('FleetSettings', () => {
  const named = (name: string) => Value.Check(FleetSettings, settings([{ name }]));

  it('takes plain names only, because they stand in policy rules', () => {
    expect(['w1', 'w1.example.com', 'node_1', '10.0.0.1'].map(named)).toEqual([true, true, true, true]);
    expect(['W1', '*', '-', 'a b', 'a,b', '', 'w1.', 'a/b', 'wórker'].map(named)).toEqual(Array(9).fill(false));
  });

  it('takes labels that a selector can name', () => {
    const labelled = (labels: Record<string, string>) => Value.Check(FleetSettings, settings([{ labels }]));
    expect(labelled({ 'topology.kubernetes.io/zone': 'a-1', empty: '' })).toBe(true);
    expect(labelled({ 'a=b': 'c' })).toBe(false);
    expect(labelled({ zone: 'a,b' })).toBe(false);
  });
});
