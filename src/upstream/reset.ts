import type { ClientHttp2Stream } from 'node:http2';
import { addAbortSignal, Readable } from 'node:stream';

/**
 * Resets a stream to a node with CANCEL and nothing else. `stream.close()` must not be used while the request is
 * incomplete: Node half-closes before it resets (closeStream in node:http2), and a node would take the truncated upload
 * of EtcdRecover for a whole one. Only destroying skips that, and only Node's own AbortError makes the code CANCEL.
 */
export function resetStream(stream: ClientHttp2Stream): void {
  stream.destroy(abortError);
}

const abortError = nodeAbortError();

function nodeAbortError(): Error {
  const carrier = new Readable();
  carrier.on('error', () => undefined);
  addAbortSignal(AbortSignal.abort(), carrier);
  return carrier.errored ?? new Error('aborted');
}
