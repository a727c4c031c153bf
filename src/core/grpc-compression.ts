import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { GateError } from './gate-error.ts';
import { maxMessageBytes } from './grpc.ts';
import type { Frame } from './grpc-frame.ts';

const inflate = promisify(gunzip);

/**
 * The plain payload of a message whose compression flag is set. Only gzip is known, as in apid. Rejects with GateError
 * `unsupported-encoding`, `malformed-frame` (flag without encoding, or broken data) or `message-too-large` when the
 * plain message would exceed `limit`; no more than that is ever inflated.
 */
export async function decompressFrame(
  frame: Frame,
  encoding: string | undefined,
  limit: number = maxMessageBytes,
): Promise<Buffer> {
  if (!frame.compressed) return frame.payload;
  if (encoding === undefined || encoding === 'identity') {
    throw new GateError('malformed-frame', 'compressed message without a grpc-encoding header');
  }
  if (encoding !== 'gzip') throw new GateError('unsupported-encoding', 'grpc-encoding: only gzip is understood');
  try {
    return await inflate(frame.payload, { maxOutputLength: limit });
  } catch (error) {
    if (error instanceof RangeError) {
      throw new GateError('message-too-large', `message inflates to more than the accepted ${limit} bytes`);
    }
    throw new GateError('malformed-frame', 'message is not valid gzip data', { cause: error });
  }
}
