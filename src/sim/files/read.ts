import { MachineService } from '../../gen/machine/machine_pb.js';
import { chunksOf } from '../chunks.ts';
import { serverStream } from '../handler.ts';
import { SimStatus } from '../sim-call.ts';

/** `talosctl read`: one regular file, in the 1 KiB pieces of the real node. */
export const readHandlers = [
  serverStream(MachineService.method.read, async (node, request, send) => {
    const found = node.files.lookup(request.path);
    if (!found.ok) {
      const code = found.failure === 'no such file or directory' ? 'NOT_FOUND' : 'UNKNOWN';
      throw new SimStatus(code, `stat ${request.path}: ${found.failure}`);
    }
    if (found.entry.kind !== 'file') throw new SimStatus('UNKNOWN', 'path must be a regular file');
    for (const bytes of chunksOf(found.entry.read())) await send({ bytes });
  }),
];
