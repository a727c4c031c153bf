import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { createCatalog } from '../../../src/catalog/catalog.ts';
import { type FieldDigest, inspectRequest } from '../../../src/catalog/inspect-request.ts';
import { GateError, type GateErrorCode } from '../../../src/core/gate-error.ts';
import type { Method, RequestFacts } from '../../../src/core/method.ts';

export const catalog = createCatalog();

export function methodAt(path: string): Method {
  const method = catalog.lookup(path);
  if (method === undefined) throw new Error(`no method ${path}`);
  return method;
}

/** Shows what reached the digest: its own "digest" is the value in hex. */
export const openDigest: FieldDigest = (_field, value) => ({
  length: String(value.length),
  digest: Buffer.from(value).toString('hex'),
});

/** Facts of a request given as field values. */
export function inspect<Desc extends DescMessage>(
  path: string,
  desc: Desc,
  init: MessageInitShape<Desc>,
): RequestFacts {
  return inspectRequest(methodAt(path), toBinary(desc, create(desc, init)), openDigest);
}

/** Code and message of the GateError that `run` throws; fails the test when it throws anything else or nothing. */
export function refusal(run: () => unknown): { code: GateErrorCode; message: string } {
  try {
    run();
  } catch (error) {
    if (error instanceof GateError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('was not refused');
}
