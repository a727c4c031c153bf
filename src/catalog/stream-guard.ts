import type { Method } from '../core/method.ts';
import { planOf } from './method-plan.ts';
import { scanMessage } from './wire-scan.ts';

/**
 * For methods whose client streams: checks each message after the first one and throws GateError `malformed-message`
 * for what was not part of the decision (a second `spec` or `containerd`, metadata beside a chunk) and for anything
 * with more than one meaning. What passes may be forwarded as it is. Undefined where the client sends one message only.
 */
export function createStreamGuard(method: Method): ((payload: Uint8Array) => void) | undefined {
  const { laterWire } = planOf(method);
  if (laterWire === undefined) return undefined;
  return payload => void scanMessage(laterWire, payload);
}
