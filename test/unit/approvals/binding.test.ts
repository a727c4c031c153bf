import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BoundCall, bindCall } from '../../../src/approvals/binding.ts';

const call: BoundCall = {
  requester: 'bob@example.com',
  cluster: 'prod',
  node: 'worker-1',
  method: '/machine.DebugService/ContainerRun',
  canonical: Buffer.from('0a1b', 'hex'),
};

describe('bindCall', () => {
  test('hashes the canonical JSON of the five parts', () => {
    const requestDigest = createHash('sha256').update(call.canonical).digest('hex');
    const json = `{"cluster":"prod","method":"/machine.DebugService/ContainerRun","node":"worker-1","request":"${requestDigest}","requester":"bob@example.com"}`;
    expect(bindCall(call)).toEqual({ requestDigest, binding: createHash('sha256').update(json).digest('hex') });
  });

  test('is the same for an equal call', () => {
    expect(bindCall({ ...call, canonical: Uint8Array.from(call.canonical) })).toEqual(bindCall(call));
  });

  test('tells any two different calls apart, however their parts run together', () => {
    const text = fc.string({ maxLength: 12 });
    const calls = fc.record({
      requester: text,
      cluster: text,
      node: text,
      method: text,
      canonical: fc.uint8Array({ maxLength: 8 }),
    });
    fc.assert(
      fc.property(calls, calls, (one, other) => {
        const equal = JSON.stringify(one) === JSON.stringify(other);
        expect(bindCall(one).binding === bindCall(other).binding).toBe(equal);
      }),
    );
    expect(bindCall({ ...call, cluster: 'prodw', node: 'orker-1' }).binding).not.toBe(bindCall(call).binding);
    expect(bindCall({ ...call, node: 'worker-1","x":"' }).binding).not.toBe(bindCall(call).binding);
  });
});
