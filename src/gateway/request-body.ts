import type { ServerHttp2Stream } from 'node:http2';
import type { CallKind } from '../core/method.ts';
import type { RequestBody } from '../core/request-body.ts';

/** Bytes that all calls together may hold in messages that are not complete or not passed on yet. */
export interface MemoryBudget {
  /** False when the budget does not have that much left; nothing is taken then. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

export interface RequestBodyOptions {
  readonly stream: ServerHttp2Stream;
  readonly kind: CallKind;
  readonly encoding: string | undefined;
  readonly budget: MemoryBudget;
  /** How long a whole message may take to arrive, in milliseconds. */
  readonly readTimeoutMs: number;
}

export function createRequestBody(_options: RequestBodyOptions): RequestBody {
  throw new Error('under construction');
}
