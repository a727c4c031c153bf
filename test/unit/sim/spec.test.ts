import { expect, test } from 'vitest';
import { definitions } from '../../../src/sim/cosi/definition.ts';
import { encodeSpec } from '../../../src/sim/cosi/spec.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

test('encodeSpec writes scalars by field number', () => {
  const { proto, yaml } = encodeSpec({ a: [1, 'string'], b: [2, 'bool'], c: [3, 'int'] }, { a: 'x', b: true, c: 300 });
  expect(hex(proto)).toBe('0a0178100118ac02');
  expect(yaml).toBe('a: x\nb: true\nc: 300\n');
});

test('encodeSpec writes addresses and prefixes as common.NetIP and common.NetIPPrefix', () => {
  expect(hex(encodeSpec({ a: [1, 'address'] }, { a: '10.5.0.2' }).proto)).toBe('0a060a040a050002');
  expect(hex(encodeSpec({ a: [1, 'prefix'] }, { a: '10.5.0.2/24' }).proto)).toBe('0a080a040a0500021018');
  expect(hex(encodeSpec({ a: [1, 'address'] }, { a: 'fd00::1' }).proto)).toBe(
    '0a120a10fd000000000000000000000000000001',
  );
});

test('encodeSpec writes names as numbers, lists as repeated fields and nested shapes as messages', () => {
  const shape = {
    stage: [1, { numbers: { running: 4 } }],
    names: [2, 'strings'],
    inner: [3, { message: { ok: [1, 'bool'] } }],
    more: [4, { messages: { ok: [1, 'bool'] } }],
  } as const;
  const value = { stage: 'running', names: ['a', 'b'], inner: { ok: true }, more: [{ ok: true }, { ok: true }] };
  expect(hex(encodeSpec(shape, value).proto)).toBe('08041201611201621a02080122020801' + '22020801');
});

test('encodeSpec throws when a table and a value disagree', () => {
  expect(() => encodeSpec({ a: [1, 'int'] }, { a: 'x' })).toThrow('expected a number');
  expect(() => encodeSpec({ a: [1, { numbers: { x: 1 } }] }, { a: 'y' })).toThrow('no number for "y"');
});

test('definitions marks the 38 sensitive kinds of Talos 1.14 and no other', () => {
  expect([...definitions.values()].filter(({ sensitive }) => sensitive)).toHaveLength(38);
  expect(definitions.get('machineconfigs.config.talos.dev')?.sensitive).toBe(true);
  expect(definitions.get('members.cluster.talos.dev')?.sensitive).toBe(false);
});

test('definitions derives the aliases that Talos has', () => {
  expect(definitions.get('machineconfigs.config.talos.dev')?.allAliases).toEqual([
    'machineconfigs',
    'machineconfigs.config',
    'machineconfigs.config.talos',
    'machineconfig',
    'mc',
    'mcs',
  ]);
  expect(definitions.get('addressstatuses.net.talos.dev')?.aliases).toEqual([
    'address',
    'addresses',
    'addressstatus',
    'as',
  ]);
});
