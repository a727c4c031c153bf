// What the subjects built from the project's parts have in common.
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../../src/core/clock.ts';
import type { Target } from '../../../src/core/target.ts';
import type { ListenerTls } from '../../../src/gateway/listener-tls.ts';
import { type Channels, createChannels } from '../../../src/upstream/connections.ts';
import type { SubjectSettings } from '../child.ts';
import { nodeName, readCa, readKeyPair } from '../pki.ts';

export const clusterName = 'bench';

/** The rules that are shipped; the benchmark's caller is in a group that may read. */
export const policies: string = fileURLToPath(new URL('../../../policies', import.meta.url));

export function readDoor({ pki }: SubjectSettings): ListenerTls {
  const { cert, key } = readKeyPair(pki, 'door');
  return { certificate: cert, key, clientCa: readCa(pki) };
}

export function nodeChannels({ pki }: SubjectSettings): Channels {
  const { cert, key } = readKeyPair(pki, 'gateway');
  const credentials = { cluster: clusterName, ca: readCa(pki), certificate: cert, key };
  return createChannels({ clusters: [credentials], clock: systemClock });
}

export function nodeTarget({ upstream }: SubjectSettings): Target {
  const dial = `127.0.0.1:${upstream}`;
  return { cluster: clusterName, node: nodeName, dial, identities: [nodeName], labels: {}, asked: nodeName };
}
