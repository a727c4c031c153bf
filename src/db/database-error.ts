/**
 * How a statement failed, in the one way that matters to the caller: may it have taken effect?
 * `unreachable`: no connection, nothing was sent. `refused`: the server answered with an error, nothing took effect.
 * `lost`: the connection broke or was given up while waiting; the statement may or may not have taken effect.
 */
export type DatabaseFailure = 'unreachable' | 'refused' | 'lost';

/**
 * What leaves `db` when a statement fails. The message may name tables and columns and is for the log; stages that face
 * callers turn it into a GateError. `sqlState` is the five-character code where the server gave one.
 */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
  readonly failure: DatabaseFailure;
  readonly sqlState: string | undefined;
  /** Where in the statement's text the server saw the mistake, counted in characters from 1. */
  readonly position: number | undefined;

  constructor(
    failure: DatabaseFailure,
    message: string,
    options?: { cause?: unknown; sqlState?: string | undefined; position?: number | undefined },
  ) {
    super(message, { cause: options?.cause });
    this.failure = failure;
    this.sqlState = options?.sqlState;
    this.position = options?.position;
  }
}

// The server says goodbye with these; the transaction may have committed before it did (57P01 while waiting for a
// synchronous standby: "the transaction has already committed locally").
const goodbyes = new Set(['57P01', '57P02', '57P05', '25P03']);

/** Reads what the driver threw while a statement was under way. */
export function statementError(thrown: unknown): DatabaseError {
  if (thrown instanceof DatabaseError) return thrown;
  const { code, position, message } = serverFields(thrown);
  if (code === undefined || goodbyes.has(code)) {
    return new DatabaseError('lost', `database connection lost: ${message}`, { cause: thrown, sqlState: code });
  }
  return new DatabaseError('refused', message, { cause: thrown, sqlState: code, position });
}

/** Reads what the driver threw while connecting. */
export function connectError(thrown: unknown): DatabaseError {
  if (thrown instanceof DatabaseError) return thrown;
  const { code, message } = serverFields(thrown);
  return new DatabaseError('unreachable', `cannot connect to the database: ${message}`, {
    cause: thrown,
    sqlState: code,
  });
}

interface ServerFields {
  readonly code: string | undefined;
  readonly position: number | undefined;
  readonly message: string;
}

/** Only an error that the server sent carries `severity`; system errors use `code` for ECONNREFUSED and the like. */
function serverFields(thrown: unknown): ServerFields {
  if (!(thrown instanceof Error)) return { code: undefined, position: undefined, message: String(thrown) };
  const fields = thrown as Error & { code?: unknown; position?: unknown; severity?: unknown; errors?: unknown };
  const fromServer = typeof fields.severity === 'string' && typeof fields.code === 'string';
  const position = Number(fields.position);
  return {
    code: fromServer ? String(fields.code) : undefined,
    position: fromServer && position > 0 ? position : undefined,
    message: fields.message === '' ? firstMessage(fields.errors) : fields.message,
  };
}

/** Node reports a host with several addresses, all refused, as an AggregateError without a message. */
function firstMessage(errors: unknown): string {
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  return first instanceof Error ? first.message : 'no reason given';
}
