import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/**
 * A TCP connection that never tells its user of the other side's FIN. Under TLS, the end that the user then sees can only
 * be the close_notify of a peer that closed on purpose; Node itself does not tell one from the other. `lost` is called when the
 * connection ends in any way, after what came before has been handed on.
 */
export function withoutFin(socket: Socket, lost: (error?: Error) => void): Duplex {
  const wire = new Duplex({
    read: () => void socket.resume(),
    write: (chunk: Buffer, _encoding, done) => void socket.write(chunk, done),
    final: done => void socket.end(done),
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  socket.on('data', (chunk: Buffer) => {
    if (!wire.push(chunk)) socket.pause();
  });
  socket.on('error', lost);
  socket.on('end', () => setImmediate(() => setImmediate(lost)));
  socket.on('close', () => lost());
  return wire;
}
