import { expect } from 'vitest';
import type { GrpcCodeName } from '../../src/core/grpc.ts';
import { grpcCodeName } from '../../src/core/grpc.ts';

/** Words on which talosctl prints its usage screen (talos cmd/talosctl/cmd/root.go). */
const usageWords = /arg\(s\)|flag|command/i;

/** Expects a status of the gateway: the code by name, a message that fits and that talosctl shows as it is. */
export function expectStatus(
  answer: { readonly code: number | undefined; readonly message: string },
  code: GrpcCodeName,
  message: RegExp,
): void {
  const name = answer.code === undefined ? 'no status' : grpcCodeName(answer.code);
  expect(`${name}: ${answer.message}`).toMatch(new RegExp(`^${code}: `));
  expect(answer.message).toMatch(message);
  expect(answer.message).not.toMatch(usageWords);
}
