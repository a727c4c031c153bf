import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTestPki } from '../support/pki.ts';

/** Who holds a certificate in the benchmark. All come from one CA, keys are Ed25519 as Talos makes them. */
export type Holder = 'node' | 'door' | 'gateway' | 'caller';

/** Name under which the benchmark's node is configured and called. */
export const nodeName = 'bench-1';

/** PEM texts of one holder. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** Makes the certificates of one run as files `<holder>.crt`, `<holder>.key` and `ca.crt`. */
export async function writePki(directory: string): Promise<void> {
  const pki = await createTestPki('ed25519', 'talosgate bench');
  const issued = {
    node: await pki.issue({ commonName: nodeName, dns: [nodeName], ips: ['127.0.0.1'], usages: ['server'] }),
    door: await pki.issue({ commonName: 'talosgate', dns: ['localhost'], ips: ['127.0.0.1'], usages: ['server'] }),
    gateway: await pki.issue({ commonName: 'talosgate', organizations: ['os:impersonator'] }),
    caller: await pki.issue({ commonName: 'bench', emails: ['bench@example.com'], organizations: ['talos-viewers'] }),
  } satisfies Record<Holder, unknown>;
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'ca.crt'), pki.ca);
  for (const [holder, { certificate, key }] of Object.entries(issued)) {
    await writeFile(join(directory, `${holder}.crt`), certificate);
    await writeFile(join(directory, `${holder}.key`), key, { mode: 0o600 });
  }
}

export function readCa(directory: string): string {
  return readFileSync(join(directory, 'ca.crt'), 'utf8');
}

export function readKeyPair(directory: string, holder: Holder): KeyPair {
  const read = (ending: string): string => readFileSync(join(directory, `${holder}.${ending}`), 'utf8');
  return { cert: read('crt'), key: read('key') };
}
