import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRequestHead } from '../../../src/gateway/request-head.ts';

const usual = [':method', 'POST', ':path', '/machine.MachineService/Version', 'content-type', 'application/grpc'];

function refusalOf(...fields: string[]): string | undefined {
  const head = parseRequestHead([...usual, ...fields]);
  return head.ok ? undefined : head.error.message;
}

describe('parseRequestHead', () => {
  it('reads what talosctl 1.14 sends: one node and the cluster as context', () => {
    const head = parseRequestHead([
      ...usual,
      'user-agent',
      'grpc-go/1.75',
      'node',
      'cp-1',
      'context',
      'prod',
      'runtime',
      'Talos',
    ]);
    expect(head).toEqual({
      ok: true,
      path: '/machine.MachineService/Version',
      userAgent: 'grpc-go/1.75',
      timeoutMs: undefined,
      encoding: undefined,
      acceptEncoding: [],
      node: 'cp-1',
      nodes: [],
      context: 'prod',
      authorization: undefined,
      forbidden: [],
    });
  });

  it('reads what talosctl 1.13 sends for several nodes: one field each, in order', () => {
    expect(parseRequestHead([...usual, 'nodes', 'a', 'nodes', 'b', 'nodes', 'a'])).toMatchObject({
      nodes: ['a', 'b', 'a'],
    });
  });

  it('takes cluster for context, and both when they agree', () => {
    expect(parseRequestHead([...usual, 'cluster', 'lab'])).toMatchObject({ ok: true, context: 'lab' });
    expect(parseRequestHead([...usual, 'cluster', 'lab', 'context', 'lab'])).toMatchObject({
      ok: true,
      context: 'lab',
    });
    expect(refusalOf('cluster', 'lab', 'context', 'prod')).toContain('different clusters');
  });

  it.each([
    'node',
    'context',
    'cluster',
    'authorization',
    'grpc-timeout',
    'grpc-encoding',
    'user-agent',
    'content-type',
  ])('refuses a repeated %s, even with the same value', name => {
    const value = name === 'grpc-timeout' ? '1S' : 'x';
    expect(refusalOf(name, value, name, value)).toContain(`header ${name} is repeated`);
  });

  it.each(['node', 'context', 'cluster', 'authorization', 'grpc-encoding', 'nodes'])(
    'refuses a %s that a proxy may have joined with a comma',
    name => {
      expect(refusalOf(name, 'a,b')).toContain('comma');
      expect(refusalOf(name, 'a, b')).toContain('comma');
    },
  );

  it.each(['node', 'nodes', 'context', 'cluster', 'authorization'])('refuses an empty %s', name => {
    expect(refusalOf(name, '')).toContain('empty');
  });

  it.each(['node', 'nodes', 'context', 'authorization'])('refuses a %s with a blank at either end', name => {
    expect(refusalOf(name, ' a')).toContain('blank');
    expect(refusalOf(name, 'a\t')).toContain('blank');
  });

  it('finds names in any case', () => {
    expect(refusalOf('Node', 'a', 'NODE', 'b')).toContain('repeated');
    expect(parseRequestHead([...usual, 'Authorization', 'Bearer x'])).toMatchObject({ authorization: 'Bearer x' });
  });

  it('lists keys that only nodes may send and gives them no effect', () => {
    const head = parseRequestHead([
      ...usual,
      'talos-role',
      'os:admin',
      'talos-role',
      'os:reader',
      'proxyfrom',
      '10.0.0.1',
    ]);
    expect(head).toMatchObject({ ok: true, forbidden: ['talos-role', 'proxyfrom'] });
    expect(JSON.stringify(head)).not.toContain('os:admin');
  });

  it('says nothing of a value in a refusal, and keeps path and agent for the record', () => {
    const head = parseRequestHead([...usual, 'user-agent', 'curl', 'authorization', 'Bearer secret,x']);
    expect(head).toMatchObject({ ok: false, path: '/machine.MachineService/Version', userAgent: 'curl' });
    expect(head.ok ? '' : head.error.message).not.toContain('secret');
  });

  it.each([
    ['1H', 3_600_000],
    ['30M', 1_800_000],
    ['5S', 5000],
    ['250m', 250],
    ['1500u', 2],
    ['99999999n', 100],
    ['0S', 0],
  ])('reads the timeout %s as %d ms', (text, ms) => {
    expect(parseRequestHead([...usual, 'grpc-timeout', text])).toMatchObject({ ok: true, timeoutMs: ms });
  });

  it.each(['', 'S', '5', '5s', '-1S', '1.5S', '123456789S', '5S ', 'S5', '5SS', '0x1S'])(
    'refuses the timeout "%s"',
    text => {
      expect(refusalOf('grpc-timeout', text)).toContain('grpc-timeout');
    },
  );

  it('reads encodings, identity meaning none', () => {
    const fields = [
      'grpc-encoding',
      'identity',
      'grpc-accept-encoding',
      'identity, gzip',
      'grpc-accept-encoding',
      'deflate',
    ];
    expect(parseRequestHead([...usual, ...fields])).toMatchObject({
      encoding: undefined,
      acceptEncoding: ['identity', 'gzip', 'deflate'],
    });
    expect(parseRequestHead([...usual, 'grpc-encoding', 'gzip'])).toMatchObject({ encoding: 'gzip' });
  });

  it('never lets two values of a key that names something pass as one, whatever else is sent', () => {
    const name = fc.constantFrom('node', 'context', 'cluster', 'authorization');
    const noise = fc.array(
      fc.tuple(fc.constantFrom('x-a', 'runtime', 'te', 'nodes'), fc.stringMatching(/^[a-z0-9.]+$/)),
    );
    const value = fc.stringMatching(/^[a-z0-9.]+$/);
    fc.assert(
      fc.property(name, value, value, noise, noise, noise, (key, one, two, before, between, after) => {
        const fields = [...before, [key, one], ...between, [key, two], ...after].flat();
        expect(parseRequestHead([...usual, ...fields]).ok).toBe(false);
      }),
    );
  });
});
