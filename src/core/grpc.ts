/** The status codes of gRPC (grpc/grpc doc/statuscodes.md), name to number. */
export const grpcCodes = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

export type GrpcCodeName = keyof typeof grpcCodes;

const names = new Map<number, GrpcCodeName>(
  (Object.entries(grpcCodes) as [GrpcCodeName, number][]).map(([name, code]) => [code, name]),
);

/** Name of a numeric status; a number outside the list is UNKNOWN, as gRPC asks of clients. */
export function grpcCodeName(code: number): GrpcCodeName {
  return names.get(code) ?? 'UNKNOWN';
}

/** Largest message that talosctl and apid accept, in bytes (talos pkg/machinery/constants GRPCMaxMessageSize). */
export const maxMessageBytes = 32 * 1024 * 1024;

/** How a call ended, whoever ended it. */
export interface GrpcStatus {
  readonly code: number;
  /** Human text, not percent-encoded. */
  readonly message: string;
  /** Serialised google.rpc.Status, from the trailer `grpc-status-details-bin` of a node. */
  readonly details?: Uint8Array;
}
