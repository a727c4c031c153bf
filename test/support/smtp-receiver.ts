import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';

export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  readonly user: string | undefined;
  readonly secure: boolean;
  readonly text: string;
}

/** An SMTP server on loopback that keeps what it is sent. */
export interface SmtpReceiver {
  readonly address: string;
  readonly received: readonly ReceivedMail[];
  /** Refuses the next messages with this reply code; 0 takes them again. */
  refuse(code: number): void;
  close(): Promise<void>;
}

export interface SmtpReceiverSettings {
  readonly certificate?: string;
  readonly key?: string;
  readonly user?: string;
  readonly password?: string;
  /** Without STARTTLS, as an old server or somebody in the middle would have it. */
  readonly clear?: boolean;
}

export async function startSmtpReceiver(settings: SmtpReceiverSettings = {}): Promise<SmtpReceiver> {
  const received: ReceivedMail[] = [];
  let code = 0;
  const server = new SMTPServer({
    cert: settings.certificate,
    key: settings.key,
    hideSTARTTLS: settings.clear === true,
    authOptional: settings.user === undefined,
    onAuth: (auth, _session, done) => {
      const good = auth.username === settings.user && auth.password === settings.password;
      done(good ? null : new Error('no'), good ? { user: auth.username } : undefined);
    },
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        if (code !== 0) {
          done(Object.assign(new Error('not now'), { responseCode: code }));
          return;
        }
        received.push({
          from: session.envelope.mailFrom === false ? '' : session.envelope.mailFrom.address,
          to: session.envelope.rcptTo.map(one => one.address),
          user: session.user as string | undefined,
          secure: session.secure,
          text: Buffer.concat(chunks).toString('utf8'),
        });
        done();
      });
    },
  });
  server.on('error', () => undefined);
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', () => resolve());
  });
  const { port } = server.server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    received,
    refuse: next => {
      code = next;
    },
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
      }),
  };
}
