import { describe, expect, it } from 'vitest';
import { upstreamHeaders } from '../../../src/upstream/metadata.ts';

const call = { path: '/p', authority: 'n', callId: 'c', roles: ['os:reader'] };

/** Values of a field, in order. */
function values(headers: readonly string[], name: string): string[] {
  return headers.filter((_text, i) => i % 2 === 1 && headers[i - 1] === name);
}

describe('upstreamHeaders', () => {
  it('writes one field for each role, and none for no role', () => {
    const roles = ['os:reader', 'os:etcd:backup'];
    expect(values(upstreamHeaders({ ...call, roles }), 'talos-role')).toEqual(roles);
    expect(values(upstreamHeaders({ ...call, roles: [] }), 'talos-role')).toEqual([]);
  });

  it.each([
    [0, '1m'],
    [0.2, '1m'],
    [1500.5, '1501m'],
    [99_999_999, '99999999m'],
    [100_000_000, '100000S'],
    [1e11, '27778H'],
    [1e30, '99999999H'],
  ])('writes %d ms of remaining time as %s, never shorter', (timeoutMs, text) => {
    expect(values(upstreamHeaders({ ...call, timeoutMs }), 'grpc-timeout')).toEqual([text]);
  });

  it('passes only the encodings it knows', () => {
    const headers = upstreamHeaders({ ...call, encoding: 'snappy', acceptEncoding: ['snappy', 'gzip'] });
    expect(values(headers, 'grpc-encoding')).toEqual([]);
    expect(values(headers, 'grpc-accept-encoding')).toEqual(['identity,gzip']);
    expect(values(upstreamHeaders({ ...call, encoding: 'gzip' }), 'grpc-encoding')).toEqual(['gzip']);
    expect(values(upstreamHeaders(call), 'grpc-accept-encoding')).toEqual([]);
  });
});
