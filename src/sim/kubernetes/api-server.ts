import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { NodeState } from '../node.ts';
import type { ClusterSecrets } from '../pki/cluster-secrets.ts';
import { answerKubernetes, failure, type KubernetesState } from './routes.ts';

/** The Kubernetes API of a simulated cluster. */
export interface KubernetesApi {
  /** `https://127.0.0.1:<port>` */
  readonly endpoint: string;
  close(): Promise<void>;
}

const mostBytes = 1024 * 1024;
const yearMs = 365 * 24 * 3_600_000;

/**
 * Starts a Kubernetes API on a free port of loopback: what drain, health, support and their like go on to ask with the
 * kubeconfig of a node. It knows whoever has a certificate of the cluster's Kubernetes authority.
 */
export async function startKubernetesApi(o: {
  readonly secrets: ClusterSecrets;
  readonly nodes: () => readonly NodeState[];
}): Promise<KubernetesApi> {
  const { kubernetes } = o.secrets;
  const { crt, key } = kubernetes.issueServer(['127.0.0.1', 'kubernetes'], yearMs);
  const state = { nodes: o.nodes, cordoned: new Set<string>(), evicted: new Set<string>() };
  const tls = { cert: crt, key, ca: kubernetes.pem.crt, requestCert: true, rejectUnauthorized: false };
  const server = createServer({ ...tls, minVersion: 'TLSv1.2' }, (request, response) => {
    const version = o.nodes()[0]?.settings.kubernetesVersion ?? '';
    serve({ ...state, version }, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: 0 }, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { endpoint: `https://127.0.0.1:${port}`, close: () => close(server) };
}

async function serve(state: KubernetesState, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await bodyOf(request);
  const url = new URL(request.url ?? '/', 'https://kubernetes');
  const { socket } = request;
  const { status, body: answer } =
    'authorized' in socket && socket.authorized === true
      ? answerKubernetes(state, { method: request.method ?? '', path: url.pathname, query: url.searchParams, body })
      : failure(401, 'Unauthorized', 'Unauthorized');
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
}

/** Rejects for a body that is too long; what is no JSON counts as none. */
async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > mostBytes) throw new Error('too long');
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}

function close(server: Server): Promise<void> {
  return new Promise(resolve => {
    server.close(() => {
      resolve();
    });
    server.closeAllConnections();
  });
}
