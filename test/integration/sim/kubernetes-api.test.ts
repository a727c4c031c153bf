import { request } from 'node:https';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { containersOf } from '../../../src/sim/containers-data.ts';
import { type KubernetesApi, startKubernetesApi } from '../../../src/sim/kubernetes/api-server.ts';
import { selects } from '../../../src/sim/kubernetes/selectors.ts';
import type { NodeState } from '../../../src/sim/node.ts';
import type { PemPair } from '../../../src/sim/pki/authority.ts';
import { createClusterSecrets } from '../../../src/sim/pki/cluster-secrets.ts';
import { completeSettings } from '../../../src/sim/settings.ts';

const secrets = createClusterSecrets(systemClock);
const admin = secrets.kubernetes.issueClient({ commonName: 'admin', organizations: [], lifetime: 3_600_000 });
let api: KubernetesApi;
beforeAll(async () => {
  const nodes = [nodeOf('cp', 'controlplane'), nodeOf('w1', 'worker')];
  api = await startKubernetesApi({ secrets, nodes: () => nodes });
});
afterAll(() => api.close());

describe('the Kubernetes API of a simulated cluster', () => {
  test('lists nodes, and cordons one', async () => {
    const { body } = await ask('GET', '/api/v1/nodes');
    expect(body.items.map(({ metadata }) => metadata.name)).toEqual(['cp', 'w1']);
    const patched = await ask('PATCH', '/api/v1/nodes/w1', { spec: { unschedulable: true } });
    expect(patched.body.spec).toEqual({ unschedulable: true });
    expect((await ask('GET', '/api/v1/nodes/w1')).body.spec).toEqual({ unschedulable: true });
    await ask('PATCH', '/api/v1/nodes/w1', { spec: { unschedulable: null } });
    expect((await ask('GET', '/api/v1/nodes/w1')).body.spec).toEqual({});
  });

  test('evicts a pod, which is gone then', async () => {
    const list = '/api/v1/namespaces/kube-system/pods?labelSelector=k8s-app%3Dkube-dns';
    const [pod] = (await ask('GET', list)).body.items;
    const path = `/api/v1/namespaces/kube-system/pods/${pod?.metadata.name ?? ''}`;
    expect((await ask('GET', path)).status).toBe(200);
    expect((await ask('POST', `${path}/eviction`, {})).status).toBe(201);
    expect((await ask('GET', path)).status).toBe(404);
    expect((await ask('GET', list)).body.items).toEqual([]);
  });

  test('knows nobody without a certificate, and says so in its own form', async () => {
    expect(await ask('GET', '/api/v1/nodes', undefined, null)).toMatchObject({
      status: 401,
      body: { kind: 'Status', reason: 'Unauthorized' },
    });
    expect((await ask('GET', '/apis/nothing/v1')).status).toBe(404);
  });
});

describe('selects', () => {
  const item = { metadata: { name: 'a', labels: { app: 'x', tier: '' } }, spec: { nodeName: 'w1' } };
  test.each([
    ['labelSelector=app%3Dx', true],
    ['labelSelector=app+%3D+x,tier', true],
    ['labelSelector=app+in+(y,x)', true],
    ['labelSelector=app+notin+(y,x)', false],
    ['labelSelector=app!%3Dx', false],
    ['labelSelector=!app', false],
    ['labelSelector=!other', true],
    ['fieldSelector=spec.nodeName%3Dw1', true],
    ['fieldSelector=spec.nodeName%3Dw2', false],
    ['', true],
  ])('%s: %s', (query, wanted) => {
    expect(selects(new URLSearchParams(query), item)).toBe(wanted);
  });
});

/** Only what the API looks at. */
function nodeOf(name: string, role: 'controlplane' | 'worker'): NodeState {
  const tls = { certificate: '', key: '', clientCa: '' };
  const settings = completeSettings({ name, role, cluster: 'c', address: '10.0.0.1', listen: '127.0.0.1:0', tls });
  const machine = { ready: true, talosVersion: settings.talosVersion };
  const services = { resourceOf: () => ({ running: true, healthy: true, unknown: false }) };
  return { settings, machine, services, containers: containersOf(settings), up: () => true } as unknown as NodeState;
}

interface Answer {
  readonly status: number;
  readonly body: {
    readonly items: { readonly metadata: { readonly name: string } }[];
    readonly spec: unknown;
    readonly reason?: string;
  };
}

function ask(method: string, path: string, body?: unknown, as: PemPair | null = admin): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const url = new URL(path, api.endpoint);
    const tls = as === null ? {} : { cert: as.crt, key: as.key };
    const asking = request(url, { method, ca: secrets.kubernetes.pem.crt, ...tls, agent: false }, response => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as Answer['body'] });
      });
    });
    asking.on('error', reject).end(body === undefined ? '' : JSON.stringify(body));
  });
}
