import { fromJson, type JsonValue, toBinary } from '@bufbuild/protobuf';
import { GateError } from '../core/gate-error.ts';
import type { Method } from '../core/method.ts';
import { planOf } from './method-plan.ts';

/**
 * The request that a proto3 JSON text stands for, as bytes; `inspectRequest` takes them from there, like those of a call.
 * Throws GateError `malformed-message` when it is no request of the method; unknown fields are refused.
 */
export function requestFromJson(method: Method, json: unknown): Uint8Array {
  const { input } = planOf(method);
  try {
    return toBinary(input, fromJson(input, json as JsonValue));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'it cannot be read';
    throw new GateError('malformed-message', `the request is not one of ${method.path}: ${why}`, { cause });
  }
}
