import { STATUS_CODES } from 'node:http';
import { GateError, type GateErrorCode } from '../core/gate-error.ts';

/** One of the two places where our errors meet a protocol (the other is `gateway/grpc-status.ts`). */
const httpStatus = {
  'bad-config': 500,
  'bad-request': 400,
  'malformed-frame': 400,
  'malformed-message': 400,
  'message-too-large': 413,
  'unsupported-encoding': 415,
  'unknown-method': 404,
  unauthenticated: 401,
  'unknown-target': 404,
  denied: 403,
  'approval-required': 409,
  'approval-refused': 403,
  'not-found': 404,
  conflict: 409,
  'upstream-unavailable': 502,
  'audit-unavailable': 503,
  overloaded: 429,
  'deadline-exceeded': 504,
  cancelled: 499,
  draining: 503,
  internal: 500,
} as const satisfies Record<GateErrorCode, number>;

/** Problem details, RFC 9457. `code` is our closed list; `detail` is safe to show and says what to do. */
export interface Problem {
  readonly type: 'about:blank';
  readonly title: string;
  readonly status: number;
  readonly code: GateErrorCode;
  readonly detail: string;
  readonly instance: string;
}

/** Maps anything thrown to problem details. Errors of fastify itself (bad JSON, schema) keep their 4xx status. */
export function toProblem(thrown: unknown, instance: string): Problem {
  const client = clientError(thrown);
  if (client !== undefined) {
    return problem('bad-request', client.status, client.message, instance);
  }
  const error = GateError.from(thrown);
  return problem(error.code, httpStatus[error.code], error.message, instance);
}

function problem(code: GateErrorCode, status: number, detail: string, instance: string): Problem {
  return { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, code, detail, instance };
}

function clientError(thrown: unknown): { status: number; message: string } | undefined {
  if (thrown instanceof GateError || !(thrown instanceof Error) || !('statusCode' in thrown)) return undefined;
  const status = thrown.statusCode;
  return typeof status === 'number' && status >= 400 && status < 500 ? { status, message: thrown.message } : undefined;
}
