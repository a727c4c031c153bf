// The mapping itself lives in core because the relay ends calls too and stages do not import the door.
export { statusOf } from '../core/grpc-status.ts';
