import { execFile, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { SubjectSettings } from '../child.ts';
import { nodeName } from '../pki.ts';
import { processSeconds } from '../process-cpu.ts';
import type { Subject } from '../subject.ts';

/** `TALOSGATE_BENCH_NGINX` names another binary than the one on PATH. */
const binary = process.env['TALOSGATE_BENCH_NGINX'] ?? 'nginx';

/** First line of `nginx -v`, or undefined when there is none on PATH. */
export async function findNginx(): Promise<string | undefined> {
  try {
    const { stderr } = await promisify(execFile)(binary, ['-v']);
    return stderr.trim().replace('nginx version: ', '');
  } catch {
    return undefined;
  }
}

/** Starts nginx with one worker as a gRPC proxy with the same TLS on both hops, and no other duty. Linux only. */
export async function startNginx(settings: SubjectSettings, directory: string): Promise<Subject> {
  const port = await freePort();
  await mkdir(directory, { recursive: true });
  const file = join(directory, 'nginx.conf');
  await writeFile(file, configuration(settings, directory, port));
  const nginx = spawn(binary, ['-p', directory, '-c', file, '-e', join(directory, 'error.log')], { stdio: 'ignore' });
  const ended = new Promise(resolve => nginx.once('exit', resolve));
  const pid = nginx.pid ?? 0;
  return {
    port,
    // `master_process off` makes this one process the worker.
    cpuSeconds: () => Promise.resolve(processSeconds(pid)),
    stop: async () => {
      nginx.kill('SIGTERM');
      await ended;
    },
  };
}

function configuration({ pki, upstream }: SubjectSettings, directory: string, port: number): string {
  return `
daemon off;
master_process off;
user root;
pid ${join(directory, 'nginx.pid')};
error_log ${join(directory, 'error.log')} error;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path ${join(directory, 'body')};
  keepalive_requests 1000000000;
  http2_max_concurrent_streams 1000;
  http2_max_requests 1000000000;
  upstream node {
    server 127.0.0.1:${upstream};
    keepalive 256;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} ssl http2;
    ssl_protocols TLSv1.3;
    ssl_certificate ${pki}/door.crt;
    ssl_certificate_key ${pki}/door.key;
    ssl_client_certificate ${pki}/ca.crt;
    ssl_verify_client on;
    location / {
      grpc_pass grpcs://node;
      grpc_ssl_protocols TLSv1.3;
      grpc_ssl_certificate ${pki}/gateway.crt;
      grpc_ssl_certificate_key ${pki}/gateway.key;
      grpc_ssl_trusted_certificate ${pki}/ca.crt;
      grpc_ssl_verify on;
      grpc_ssl_name ${nodeName};
      grpc_set_header talos-role os:reader;
    }
  }
}
`;
}

async function freePort(): Promise<number> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<number>();
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
  });
  return await promise;
}
