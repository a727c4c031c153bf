import { type GateError, gateErrorCodes } from './gate-error.ts';
import { type GrpcStatus, grpcCodes } from './grpc.ts';

/** The status that a gRPC client is given for a failure of the gateway itself. */
export function statusOf(error: GateError): GrpcStatus {
  return { code: grpcCodes[gateErrorCodes[error.code]], message: error.message };
}
