import type { GrpcStatus } from '../core/grpc.ts';
import { decodeGrpcMessage } from '../core/grpc-message.ts';
import { rawValue } from './passing-headers.ts';

/** The status in a node's trailers, or undefined when there is none that could be passed on. */
export function nodeStatus(rawTrailers: readonly string[]): GrpcStatus | undefined {
  const code = rawValue(rawTrailers, 'grpc-status');
  if (code === undefined || !/^[0-9]{1,3}$/.test(code)) return undefined;
  const status = { code: Number(code), message: decodeGrpcMessage(rawValue(rawTrailers, 'grpc-message') ?? '') };
  const details = rawValue(rawTrailers, 'grpc-status-details-bin');
  return details === undefined ? status : { ...status, details: Buffer.from(details, 'base64') };
}
