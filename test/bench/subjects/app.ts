// Child process: the gateway as `talosgate serve` starts it, from a configuration file.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pino from 'pino';
import { createApp } from '../../../src/app.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { systemClock as clock } from '../../../src/core/clock.ts';
import { childSettings, type SubjectSettings, serveParent } from '../child.ts';
import { nodeName } from '../pki.ts';
import { clusterName, policies } from './door.ts';

export interface AppSettings extends SubjectSettings {
  readonly writerUrl: string;
  readonly readerUrl: string;
}

const settings = childSettings() as AppSettings;
const { pki, upstream, writerUrl, readerUrl } = settings;
const tls = { certificate: 'door.crt', key: 'door.key' };

// YAML takes JSON as it is. Paths are relative to the file, which stands beside the certificates.
const path = join(pki, 'talosgate.yaml');
await writeFile(
  path,
  JSON.stringify({
    listen: {
      grpc: { address: '127.0.0.1:0', tls, client_ca: 'ca.crt' },
      http: { address: '127.0.0.1:0', tls, client_ca: 'ca.crt' },
    },
    identity: { mtls: {} },
    clusters: [
      {
        name: clusterName,
        talos_ca: 'ca.crt',
        client_certificate: 'gateway.crt',
        client_key: 'gateway.key',
        nodes: [{ name: nodeName, dial: `127.0.0.1:${upstream}` }],
      },
    ],
    policy: { directory: policies },
    database: { url: { env: 'WRITER' }, reader_url: { env: 'READER' } },
    audit: { digest_key: { env: 'DIGEST_KEY' } },
    log: { level: 'warn' },
  }),
);
const env = { WRITER: writerUrl, READER: readerUrl, DIGEST_KEY: '0123456789abcdef'.repeat(4) };
const loaded = await loadConfig({ path, env, clock });
if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
const log = pino({ level: 'warn' }, pino.destination(2));
const app = await createApp({ config: loaded.config, version: 'bench', clock, log });
serveParent({ port: app.grpc.port });
