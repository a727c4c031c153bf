import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { GateError } from '../core/gate-error.ts';
import {
  DebugContainerRunRequestSchema,
  type DebugContainerRunResponse,
  DebugContainerRunResponseSchema,
} from '../gen/machine/debug_pb.js';
import { compileWirePlan } from './wire-plan.ts';
import { scanMessage } from './wire-scan.ts';

/** One message of a debug session from the client. */
export type DebugInput =
  | { readonly kind: 'stdin'; readonly data: Uint8Array }
  | { readonly kind: 'signal'; readonly signal: number }
  | { readonly kind: 'resize'; readonly width: number; readonly height: number }
  | { readonly kind: 'spec' };

/** One message of a debug session from the node. `exit` is the last one. */
export type DebugOutput =
  | { readonly kind: 'stdout'; readonly data: Uint8Array }
  | { readonly kind: 'exit'; readonly code: number }
  | { readonly kind: 'other' };

const inputPlan = compileWirePlan(DebugContainerRunRequestSchema);

/**
 * Reads a client's message strictly. `data` is a view of the payload, not a copy.
 * Throws GateError `malformed-message`, also when the message carries nothing.
 */
export function parseDebugInput(payload: Uint8Array): DebugInput {
  scanMessage(inputPlan, payload);
  const { request } = fromBinary(DebugContainerRunRequestSchema, payload);
  switch (request.case) {
    case 'stdinData':
      return { kind: 'stdin', data: request.value };
    case 'signal':
      return { kind: 'signal', signal: request.value };
    case 'termResize':
      return { kind: 'resize', width: request.value.width, height: request.value.height };
    case 'spec':
      return { kind: 'spec' };
    case undefined:
      throw new GateError('malformed-message', 'machine.DebugContainerRunRequest carries nothing');
  }
}

/**
 * Reads a node's message as its client would: the last member counts, unknown fields are passed over (`other`).
 * Throws GateError `malformed-message` when it cannot be decoded at all.
 */
export function parseDebugOutput(payload: Uint8Array): DebugOutput {
  const { resp } = decodeOutput(payload);
  switch (resp.case) {
    case 'stdoutData':
      return { kind: 'stdout', data: resp.value };
    case 'exitCode':
      return { kind: 'exit', code: resp.value };
    case undefined:
      return { kind: 'other' };
  }
}

/** A message that talosctl prints as it is, without a line end of its own. */
export function encodeDebugStdout(data: Uint8Array): Buffer {
  return encodeOutput({ case: 'stdoutData', value: data });
}

/** The message that ends a session; talosctl takes the code for its own exit code. */
export function encodeDebugExit(code: number): Buffer {
  return encodeOutput({ case: 'exitCode', value: code });
}

function decodeOutput(payload: Uint8Array): DebugContainerRunResponse {
  try {
    return fromBinary(DebugContainerRunResponseSchema, payload);
  } catch (cause) {
    throw new GateError('malformed-message', 'machine.DebugContainerRunResponse cannot be decoded', { cause });
  }
}

function encodeOutput(resp: DebugContainerRunResponse['resp']): Buffer {
  const message = create(DebugContainerRunResponseSchema, { resp });
  return Buffer.from(toBinary(DebugContainerRunResponseSchema, message));
}
