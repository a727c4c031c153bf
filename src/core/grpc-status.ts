import { type GateError, gateErrorCodes } from './gate-error.ts';
import { type GrpcStatus, grpcCodes } from './grpc.ts';
import { withoutUsageWords } from './usage-words.ts';

/** The status that a gRPC client is given for a failure of the gateway itself; names in it may come from callers. */
export function statusOf(error: GateError): GrpcStatus {
  return { code: grpcCodes[gateErrorCodes[error.code]], message: withoutUsageWords(error.message) };
}
