import { expect, test } from 'vitest';
import { toJsonLine } from '../../../src/export/formats/json-lines.ts';
import { intent, leafOf, lineOf } from '../../support/lines.ts';

test('toJsonLine keeps the body byte for byte, so that whoever has the line can compute its leaf', () => {
  const line = toJsonLine(lineOf(intent));
  const { idx, leaf, late, logged, body } = JSON.parse(line) as Record<string, unknown>;
  expect({ idx, late, logged }).toEqual({ idx: 7, late: false, logged: '2026-01-31T12:00:00.134Z' });
  expect(body).toMatchObject({ kind: 'call.intent', principal: 'alice@example.com' });
  expect(leafOf(line.slice(line.indexOf('"body":') + 7, -1))).toBe(leaf);
  expect(line).not.toMatch(/[\r\n]/);
});
