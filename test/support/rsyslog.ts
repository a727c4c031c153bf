import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestPki } from './pki.ts';
import { until } from './until.ts';

/** True where a real rsyslogd with its OpenSSL driver is installed; says loudly when it is not. */
export function haveRsyslog(): boolean {
  const found = spawnSync('rsyslogd', ['-v']).status === 0;
  const driver = spawnSync('sh', ['-c', 'ls /usr/lib/*/rsyslog/lmnsd_ossl.so']).status === 0;
  if (!found || !driver) {
    console.warn(
      'SKIPPED: no rsyslogd with rsyslog-openssl here, so syslog over TLS is tested against our own receiver only',
    );
  }
  return found && driver;
}

/** A real receiver of RFC 5425, asking for client certificates. */
export interface Rsyslog {
  readonly port: number;
  /** Raw messages that are on disk, one a line. */
  messages(): Promise<string[]>;
  start(): Promise<void>;
  /** As kill -9 does. */
  kill(): Promise<void>;
  /** Lets it write what it has, and end. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

export async function createRsyslog(pki: TestPki): Promise<Rsyslog> {
  const folder = await mkdtemp(join(tmpdir(), 'talosgate-rsyslog-'));
  const leaf = await pki.issue({ commonName: 'logs', ips: ['127.0.0.1'], usages: ['server'] });
  const files = { ca: join(folder, 'ca.crt'), cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key') };
  await writeFile(files.ca, pki.ca);
  await writeFile(files.cert, leaf.certificate);
  await writeFile(files.key, leaf.key);
  const out = join(folder, 'out.log');
  const port = await freePort();
  const config = join(folder, 'rsyslog.conf');
  await writeFile(
    config,
    `global(workDirectory="${folder}" maxMessageSize="64k" defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="${files.ca}"
  defaultNetstreamDriverCertFile="${files.cert}" defaultNetstreamDriverKeyFile="${files.key}")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
input(type="imtcp" port="${port}" address="127.0.0.1")
template(name="raw" type="string" string="%rawmsg%\\n")
action(type="omfile" file="${out}" template="raw" flushOnTXEnd="on")
`,
  );
  let child: ChildProcess | undefined;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const running = child;
    child = undefined;
    if (running === undefined || running.exitCode !== null) return;
    const gone = new Promise(resolve => running.once('exit', resolve));
    running.kill(signal);
    await gone;
  };
  return {
    port,
    messages: async () => (await readFile(out, 'utf8').catch(() => '')).split('\n').filter(line => line !== ''),
    start: async () => {
      child = spawn('rsyslogd', ['-n', '-f', config, '-i', join(folder, `pid-${Date.now()}`)], { stdio: 'ignore' });
      await until(
        () => listens(port),
        () => `rsyslogd does not listen on ${port}`,
        15_000,
      );
    },
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    close: async () => {
      await end('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise(resolve => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function listens(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
