import { grpcCodeName } from '../../core/grpc.ts';
import type { ClientSettings } from '../client.ts';
import type { Answer, DemoCredential } from './check-client.ts';

/** Everything that a run of the check needs to know about the demo that is up. */
export interface DemoEndpoints {
  readonly gateway: string;
  /** Real address of the first worker, for a direct call beside the one through the gateway. */
  readonly workerDial: string;
  readonly worker: string;
  readonly controlPlane: string;
  readonly nodes: readonly string[];
  /** Certificate credentials by first name; `stranger` has none, `dave` is revoked, `direct` is an os:admin of the nodes. */
  readonly people: Readonly<Record<'alice' | 'bob' | 'carol' | 'dave' | 'stranger' | 'direct', DemoCredential>>;
  readonly tokens: Readonly<Record<'alice' | 'bob' | 'carol', DemoCredential>>;
  readonly api: Readonly<Record<'alice' | 'bob' | 'carol', ClientSettings>>;
  readonly debugImage: string;
}

/** How one line of the check went. */
export interface Result {
  readonly ok: boolean;
  readonly outcome: string;
  readonly latency?: string;
}

/** A line that expects a gRPC code, and `and` to hold beside. */
export function expect(answer: Answer<unknown>, code: number, and = true, more = ''): Result {
  const name = grpcCodeName(answer.code);
  const text = answer.code === code || answer.message === '' ? '' : `: ${answer.message.slice(0, 80)}`;
  return { ok: answer.code === code && and, outcome: `${name}${text}${more}` };
}
