import { expect, test } from 'vitest';
import { toCef } from '../../../src/export/formats/cef.ts';
import { intent, lineOf } from '../../support/lines.ts';

test('toCef escapes what would end a field: bar and backslash in the header, equals and backslash behind it', () => {
  const line = lineOf({ ...intent, action: 'a|b\\c', resource: 'x=1\\y' });
  const event = toCef(line, { version: '1|2', host: 'gate-1' });
  expect(event).toMatch(/^CEF:0\|talosgate\|talosgate\|1\\\|2\|call\.intent\|a\\\|b\\\\c\|2\|externalId=7 rt=\d{13} /);
  expect(event).toContain('cs3Label=resource cs3=x\\=1\\\\y');
  expect(event).toContain(`cs1Label=leaf cs1=${line.leaf}`);
  expect(event).not.toMatch(/[\r\n]/);
});
