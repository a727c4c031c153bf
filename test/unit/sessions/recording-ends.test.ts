import { expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import type { GateError } from '../../../src/core/gate-error.ts';
import { Recording, type RecordingOptions } from '../../../src/sessions/recording.ts';

const never = new Promise<never>(() => undefined);
const stuck: readonly [string, Pick<RecordingOptions, 'store' | 'log'>][] = [
  [
    'its chunk is not stored',
    { store: { put: () => never }, log: { append: () => never, enqueue: () => Promise.resolve() } },
  ],
  [
    'its record stays in memory',
    { store: { put: () => Promise.resolve() }, log: { append: () => never, enqueue: () => never } },
  ],
];

test.each(stuck)('Recording gives up once its patience is over when %s, and tells whoever waits', async (_, parts) => {
  const failures: GateError[] = [];
  const recording = new Recording({
    facts: {
      id: '0199d0c2-0000-7000-8000-000000000001',
      approvalId: 'dbg-22222',
      principal: 'bob@example.com',
      cluster: 'prod',
      node: 'worker-1',
      resource: 'debug/x',
      emergency: false,
    },
    dataKey: Buffer.alloc(32),
    ...parts,
    clock: systemClock,
    keepEchoed: false,
    patienceMs: 50,
    onFailure: error => failures.push(error),
  });
  await expect(recording.output({ kind: 'output', data: Buffer.from('shown?') })).rejects.toMatchObject({
    code: 'audit-unavailable',
  });
  await expect(recording.input({ kind: 'typed', data: Buffer.from('x') })).rejects.toMatchObject({
    code: 'audit-unavailable',
  });
  expect(failures).toHaveLength(1);
});
