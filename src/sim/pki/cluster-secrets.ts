import { createECDH, createPrivateKey } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { SimAuthority } from './authority.ts';

/** What all nodes of a cluster share (talos pkg/machinery/config/generate/secrets). */
export interface ClusterSecrets {
  readonly os: SimAuthority;
  readonly kubernetes: SimAuthority;
  readonly aggregator: SimAuthority;
  readonly etcd: SimAuthority;
  /** SEC 1, PEM. */
  readonly serviceAccountKey: string;
  /** Base64. */
  readonly clusterId: string;
  readonly clusterSecret: string;
  readonly secretboxKey: string;
  /** `abcdef.0123456789abcdef` */
  readonly bootstrapToken: string;
  readonly machineToken: string;
}

/** Makes them from the clock's randomness. They are real, and open nothing but what the simulated nodes themselves hand out. */
export function createClusterSecrets(clock: Clock): ClusterSecrets {
  return {
    os: new SimAuthority(clock, 'talos'),
    kubernetes: new SimAuthority(clock, 'kubernetes'),
    aggregator: new SimAuthority(clock, ''),
    etcd: new SimAuthority(clock, 'etcd'),
    serviceAccountKey: ecKey(clock.random(32)),
    clusterId: clock.random(32).toString('base64'),
    clusterSecret: clock.random(32).toString('base64'),
    secretboxKey: clock.random(32).toString('base64'),
    bootstrapToken: token(clock),
    machineToken: token(clock),
  };
}

function token(clock: Clock): string {
  const hex = clock.random(11).toString('hex');
  return `${hex.slice(0, 6)}.${hex.slice(6)}`;
}

/** P-256 from a seed: an RSA key, as Talos makes it, cannot be made twice from the same randomness. */
function ecKey(seed: Buffer): string {
  // Below the order of the curve, whatever was drawn.
  seed.writeUInt8(seed.readUInt8(0) & 0x7f, 0);
  const pair = createECDH('prime256v1');
  pair.setPrivateKey(seed);
  const point = pair.getPublicKey();
  const jwk = {
    ...{ kty: 'EC', crv: 'P-256', d: seed.toString('base64url') },
    ...{ x: point.subarray(1, 33).toString('base64url'), y: point.subarray(33).toString('base64url') },
  };
  return createPrivateKey({ key: jwk, format: 'jwk' }).export({ type: 'sec1', format: 'pem' });
}
