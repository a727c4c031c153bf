import { gzipSync } from 'node:zlib';
import { stringify } from 'yaml';
import { MachineService } from '../gen/machine/machine_pb.js';
import { tarBlocks, tarEnd } from './files/tar.ts';
import { serverStream, unary } from './handler.ts';
import type { NodeState } from './node.ts';
import { assertControlPlane } from './power-calls.ts';
import { SimStatus } from './sim-call.ts';

/** Kubeconfig and minted client certificates: of the right shape, opening nothing. */
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
    if ((request.crtTtl?.seconds ?? 0n) <= 0n) throw new SimStatus('INVALID_ARGUMENT', 'crt_ttl should be positive');
    const ca = pem(node, 'CERTIFICATE');
    const crt = pem(node, 'CERTIFICATE');
    const key = pem(node, 'ED25519 PRIVATE KEY');
    const { cluster } = node.settings;
    const [role] = request.roles;
    const name = request.roles.length === 1 && role !== undefined ? `${role.replace(/^os:/, '')}@${cluster}` : cluster;
    const base64 = (text: string): string => Buffer.from(text).toString('base64');
    const context = { endpoints: [], ca: base64(ca), crt: base64(crt), key: base64(key) };
    const talosconfig = stringify({ context: name, contexts: { [name]: context } }, { indent: 4, lineWidth: 0 });
    return {
      messages: [
        { ca: Buffer.from(ca), crt: Buffer.from(crt), key: Buffer.from(key), talosconfig: Buffer.from(talosconfig) },
      ],
    };
  }),
];

function kubeconfig(node: NodeState): string {
  const { cluster } = node.settings;
  const user = `admin@${cluster}`;
  const data = (label: string): string => Buffer.from(pem(node, label)).toString('base64');
  return stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: cluster,
          cluster: { server: `https://${cluster}.example:6443`, 'certificate-authority-data': data('CERTIFICATE') },
        },
      ],
      users: [
        {
          name: user,
          user: { 'client-certificate-data': data('CERTIFICATE'), 'client-key-data': data('EC PRIVATE KEY') },
        },
      ],
      contexts: [{ name: user, context: { cluster, namespace: 'default', user } }],
      'current-context': user,
    },
    { indent: 2, lineWidth: 0 },
  );
}

function pem(node: NodeState, label: string): string {
  return `-----BEGIN ${label}-----\n${node.clock.random(48).toString('base64')}\n-----END ${label}-----\n`;
}
