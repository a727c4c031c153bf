import { connect as connectTcp } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import type { AuditLine } from '../../core/audit-line.ts';
import { type SyslogOptions, toSyslog } from '../formats/syslog.ts';
import type { TlsMaterials } from '../materials.ts';
import { away, type Delivery, delivered, type Sink } from '../sink.ts';
import { withoutFin } from './wire.ts';

export interface SyslogTlsOptions {
  readonly host: string;
  readonly port: number;
  readonly serverName: string | undefined;
  readonly tls: TlsMaterials;
  readonly timeoutMs: number;
  readonly format: SyslogOptions;
}

/**
 * Messages with octet counting over TLS (RFC 5425 section 4.3). Syslog has no acknowledgement: bytes that were written may still
 * be lost with the receiver. So every batch has a connection of its own, and counts as taken once the receiver has
 * answered our close_notify with its own, as section 4.4 demands of it: one that was killed cannot.
 */
export function createSyslogTls(options: SyslogTlsOptions): Sink {
  return {
    batch: { records: 1000, bytes: 1024 * 1024 },
    deliver: (lines, signal) => deliver(frame(lines, options.format), options, signal),
    close: () => Promise.resolve(),
  };
}

function frame(lines: readonly AuditLine[], format: SyslogOptions): Buffer {
  return Buffer.concat(
    lines.map(line => {
      const message = Buffer.from(toSyslog(line, format));
      return Buffer.concat([Buffer.from(`${message.length} `), message]);
    }),
  );
}

function deliver(batch: Buffer, options: SyslogTlsOptions, signal: AbortSignal): Promise<Delivery> {
  const { host, port, serverName, tls, timeoutMs } = options;
  return new Promise<Delivery>(resolve => {
    let handedOver = false;
    const lost = (error?: Error): void => finish(away(error ?? new Error('the receiver went away without saying so')));
    const raw = connectTcp({ host, port });
    const wire = withoutFin(raw, lost);
    const socket: TLSSocket = connect({ host, servername: serverName ?? nameOf(host), socket: wire, ...tls });
    const finish = (delivery: Delivery): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      raw.destroy();
      resolve(delivery);
    };
    const onAbort = (): void => finish(away(new Error('given up')));
    const timer = setTimeout(() => finish(away(new Error(`not taken within ${timeoutMs} ms`))), timeoutMs);
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('secureConnect', () => {
      socket.end(batch, () => {
        handedOver = true;
      });
    });
    socket.on('error', lost);
    wire.on('error', lost);
    // A receiver says nothing; without somebody who reads, its end would not be seen.
    socket.resume();
    socket.once('end', () =>
      finish(handedOver ? delivered : away(new Error('the receiver closed the connection early'))),
    );
    if (signal.aborted) onAbort();
  });
}

/** An address is no name: TLS has no field for it, and the certificate is checked against the host anyway. */
function nameOf(host: string): string {
  return /^[0-9.]+$|:/.test(host) ? '' : host;
}
