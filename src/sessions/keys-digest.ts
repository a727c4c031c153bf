import { hash } from 'node:crypto';

/** SHA-256, hex, of the wrapped keys as they are stored: `session.started` names it, so that they cannot be exchanged. */
export function keysDigest(keys: string): string {
  return hash('sha256', keys, 'hex');
}
