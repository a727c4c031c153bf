import { createSecureContext, type SecureContext } from 'node:tls';
import { GateError } from '../core/gate-error.ts';
import { normalisePem, readPemBlocks } from '../core/pem.ts';

/** How the gateway proves itself to the nodes of one cluster and recognises them. PEM texts. */
export interface ClusterCredentials {
  readonly cluster: string;
  /** CA bundle that the nodes' server certificates come from. */
  readonly ca: string;
  /** The gateway's own client certificate (`os:impersonator`) and key. */
  readonly certificate: string;
  readonly key: string;
}

/** TLS material of one cluster, ready to dial with. Throws GateError `bad-config` when it does not hold together. */
export function createClusterContext(credentials: ClusterCredentials): SecureContext {
  const { cluster, certificate, key } = credentials;
  const ca = normalisePem(credentials.ca);
  // An empty bundle would make OpenSSL trust the public authorities that Node ships.
  if (!readPemBlocks(ca).some(block => block.label === 'CERTIFICATE')) {
    throw new GateError('bad-config', `cluster ${cluster}: the node CA bundle holds no certificate`);
  }
  try {
    return createSecureContext({ ca, cert: certificate, key: normalisePem(key), minVersion: 'TLSv1.2' });
  } catch (cause) {
    throw new GateError('bad-config', `cluster ${cluster}: node CA, certificate or key cannot be loaded`, { cause });
  }
}
