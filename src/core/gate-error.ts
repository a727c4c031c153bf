import type { GrpcCodeName } from './grpc.ts';

/** Every way in which the gateway itself fails a call or a command, and what a gRPC client is told. */
export const gateErrorCodes = {
  'bad-config': 'FAILED_PRECONDITION',
  'bad-request': 'INVALID_ARGUMENT',
  'malformed-frame': 'INTERNAL',
  'malformed-message': 'INVALID_ARGUMENT',
  'message-too-large': 'RESOURCE_EXHAUSTED',
  'unsupported-encoding': 'UNIMPLEMENTED',
  'unknown-method': 'UNIMPLEMENTED',
  unauthenticated: 'UNAUTHENTICATED',
  // Not NOT_FOUND: to COSI clients that says that the resource is absent, and changes what they do.
  'unknown-target': 'INVALID_ARGUMENT',
  denied: 'PERMISSION_DENIED',
  'approval-required': 'FAILED_PRECONDITION',
  'approval-refused': 'PERMISSION_DENIED',
  'not-found': 'NOT_FOUND',
  conflict: 'FAILED_PRECONDITION',
  'upstream-unavailable': 'UNAVAILABLE',
  'audit-unavailable': 'UNAVAILABLE',
  overloaded: 'RESOURCE_EXHAUSTED',
  'deadline-exceeded': 'DEADLINE_EXCEEDED',
  cancelled: 'CANCELLED',
  draining: 'UNAVAILABLE',
  internal: 'INTERNAL',
} as const satisfies Record<string, GrpcCodeName>;

export type GateErrorCode = keyof typeof gateErrorCodes;

/**
 * The one error type of the gateway. `message` is safe to show to the caller and says what to do next; `cause`
 * stays in the server's log.
 */
export class GateError extends Error {
  override readonly name = 'GateError';
  readonly code: GateErrorCode;

  constructor(code: GateErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  /** Turns anything thrown into a GateError; what is not one becomes `internal` with a message that says nothing. */
  static from(thrown: unknown): GateError {
    if (thrown instanceof GateError) return thrown;
    return new GateError('internal', 'internal error in talosgate, see its log', { cause: thrown });
  }
}
