import { connect, type IncomingHttpHeaders } from 'node:http2';
import { encodeFrame } from '../../src/core/grpc-frame.ts';
import { decodeGrpcMessage } from '../../src/core/grpc-message.ts';
import { nodeName, readCa, readKeyPair } from './pki.ts';
import { versionReply } from './version-reply.ts';

/**
 * One call of Version by an ordinary HTTP/2 client, checked to the byte: the load client only compares lengths. Rejects
 * with what was wrong.
 */
export async function probe(port: number, pki: string): Promise<void> {
  const session = connect(`https://127.0.0.1:${port}`, { ca: readCa(pki), ...readKeyPair(pki, 'caller') });
  const outcome = Promise.withResolvers<unknown>();
  session.on('error', outcome.reject);
  const stream = session.request({
    ':method': 'POST',
    ':path': '/machine.MachineService/Version',
    'content-type': 'application/grpc',
    te: 'trailers',
    node: nodeName,
  });
  const chunks: Buffer[] = [];
  stream.on('response', headers => {
    outcome.promise.catch(() => undefined);
    if (headers['grpc-status'] !== undefined) outcome.reject(new Error(describe(headers)));
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  });
  stream.on('trailers', trailers => {
    if (trailers['grpc-status'] === '0') outcome.resolve(undefined);
    else outcome.reject(new Error(describe(trailers)));
  });
  stream.on('error', outcome.reject);
  stream.on('close', () => outcome.reject(new Error('the call ended without a status')));
  stream.setTimeout(10_000, () => outcome.reject(new Error('no answer within 10 s')));
  stream.end(encodeFrame(new Uint8Array()));
  try {
    await outcome.promise;
    if (!Buffer.concat(chunks).equals(encodeFrame(versionReply))) throw new Error("the reply differs from the node's");
  } finally {
    session.destroy();
  }
}

function describe({ 'grpc-status': status, 'grpc-message': message }: IncomingHttpHeaders): string {
  return `gRPC status ${String(status)}: ${decodeGrpcMessage(typeof message === 'string' ? message : '')}`;
}
