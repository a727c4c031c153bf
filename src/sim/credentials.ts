import { gzipSync } from 'node:zlib';
import { stringify } from 'yaml';
import { MachineService } from '../gen/machine/machine_pb.js';
import { tarBlocks, tarEnd } from './files/tar.ts';
import { serverStream, unary } from './handler.ts';
import type { NodeState } from './node.ts';
import { assertControlPlane } from './power-calls.ts';
import { SimStatus } from './sim-call.ts';

const yearMs = 365 * 24 * 3_600_000;

/** Kubeconfig and minted client certificates, signed by the cluster's own authorities. */
export const credentialHandlers = [
  serverStream(MachineService.method.kubeconfig, async (node, _request, send) => {
    assertControlPlane(node, 'kubeconfig');
    const content = Buffer.from(kubeconfig(node));
    const modified = Math.floor(node.clock.now() / 1000);
    const file = tarBlocks({ name: 'kubeconfig', mode: 0o600, modified, kind: 'file', content });
    await send({ bytes: gzipSync(Buffer.concat([file, tarEnd])) });
  }),
  unary(MachineService.method.generateClientConfiguration, (node, request) => {
    assertControlPlane(node, 'generate client configuration');
    const lifetime = Number(request.crtTtl?.seconds ?? 0n) * 1000;
    if (lifetime <= 0) throw new SimStatus('INVALID_ARGUMENT', 'crt_ttl should be positive');
    const { os } = node.cluster.secrets;
    const { crt, key } = os.issueClient({ commonName: '', organizations: request.roles, lifetime });
    const ca = os.pem.crt;
    const { cluster } = node.settings;
    const [role] = request.roles;
    const name = request.roles.length === 1 && role !== undefined ? `${role.replace(/^os:/, '')}@${cluster}` : cluster;
    const context = { endpoints: [], ca: base64(ca), crt: base64(crt), key: base64(key) };
    const talosconfig = stringify({ context: name, contexts: { [name]: context } }, { indent: 4, lineWidth: 0 });
    return {
      messages: [
        { ca: Buffer.from(ca), crt: Buffer.from(crt), key: Buffer.from(key), talosconfig: Buffer.from(talosconfig) },
      ],
    };
  }),
];

/** An admin's kubeconfig with a certificate of one year (talos pkg/kubeconfig/generate.go). */
function kubeconfig(node: NodeState): string {
  const { cluster, kubernetesEndpoint } = node.settings;
  const { kubernetes } = node.cluster.secrets;
  const admin = kubernetes.issueClient({ commonName: 'admin', organizations: ['system:masters'], lifetime: yearMs });
  const user = `admin@${cluster}`;
  return stringify(
    {
      apiVersion: 'v1',
      clusters: [
        {
          cluster: { 'certificate-authority-data': base64(kubernetes.pem.crt), server: kubernetesEndpoint },
          name: cluster,
        },
      ],
      contexts: [{ context: { cluster, namespace: 'default', user }, name: user }],
      'current-context': user,
      kind: 'Config',
      users: [
        {
          name: user,
          user: { 'client-certificate-data': base64(admin.crt), 'client-key-data': base64(admin.key) },
        },
      ],
    },
    { indent: 2, lineWidth: 0 },
  );
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
