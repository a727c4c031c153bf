import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clientSettings } from '../../../src/cli/client.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'talosgate-client-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function clientFile(text: string): string {
  const file = join(folder, 'client.yaml');
  writeFileSync(file, text);
  return file;
}

describe('clientSettings', () => {
  test('takes paths in a client file relative to it, and options over it', () => {
    const client = clientFile('server: https://gate:8443\nca: pki/ca.crt\ncertificate: /abs/me.crt\n');
    expect(clientSettings({ client }, {})).toEqual({
      server: 'https://gate:8443',
      ca: join(folder, 'pki/ca.crt'),
      certificate: '/abs/me.crt',
      key: undefined,
      tokenFile: undefined,
    });
    const over = clientSettings({ client, server: 'https://other', ca: '/x/ca.crt', tokenFile: '/x/token' }, {});
    expect(over).toMatchObject({ server: 'https://other', ca: '/x/ca.crt', tokenFile: '/x/token' });
  });

  test('finds the client file through the environment, unless one is named', () => {
    const file = clientFile('server: https://from-file\n');
    expect(clientSettings({}, { TALOSGATE_CLIENT: file }).server).toBe('https://from-file');
    expect(() => clientSettings({ client: join(folder, 'none.yaml') }, { TALOSGATE_CLIENT: file })).toThrow(
      /none\.yaml/,
    );
  });

  test.each([
    ['nothing is said', undefined, /no gateway named: give --client FILE or --server URL, or set TALOSGATE_CLIENT/],
    [
      'a key is misspelled',
      'servre: https://x\n',
      /client\.yaml: unknown or non-text key servre; known are server, ca/,
    ],
    ['a value is no text', 'server: 8443\n', /non-text key server/],
    ['it is a list', '- server\n', /client\.yaml: expected keys server/],
    ['it is empty', '', /expected keys/],
    ['it is no YAML', 'server: [\n', /client\.yaml:2: /],
    ['the address lacks its scheme', 'server: gate:8443\n', /gate:8443 is no address of a gateway: write https:/],
    ['the address is of another kind', 'server: ftp://gate\n', /no address of a gateway/],
  ])('says what is wrong when %s', (_what, text, message) => {
    const options = text === undefined ? {} : { client: clientFile(text) };
    expect(() => clientSettings(options, {})).toThrow(message);
  });
});
