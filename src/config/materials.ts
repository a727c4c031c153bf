import { readFile } from 'node:fs/promises';
import { normalisePem } from '../core/pem.ts';
import type { SettingsProblem } from '../core/settings.ts';
import { checkAuthorities, checkGatewayCertificate, checkServerCertificate, type PemProblem } from './certificates.ts';
import { fileTrouble } from './notations.ts';
import type { ConfigFile } from './schema.ts';

/** A server certificate and its key, PEM texts. */
interface ServerTls {
  readonly certificate: string;
  readonly key: string;
  /** CA bundle of client certificates; undefined: none are asked for. */
  readonly clientCa: string | undefined;
}

/** With what the gateway calls the nodes of one cluster, PEM texts. */
interface ClusterTls {
  readonly cluster: string;
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** Certificates and keys that the configuration names, read and checked. Keys under OpenSSL's own PEM label. */
export interface Materials {
  readonly grpc: ServerTls;
  readonly http: ServerTls | undefined;
  readonly clusters: readonly ClusterTls[];
  /** PEM texts of the CA bundles of other servers that the gateway calls, by absolute path. */
  readonly authorities: ReadonlyMap<string, string>;
}

/** A problem in a file that the configuration names, or with the key that names it (`pemFile` undefined). */
export interface MaterialProblem extends SettingsProblem {
  readonly severity: 'error' | 'warning';
  readonly pemFile: string | undefined;
  readonly line: number;
}

/** Reads and checks every certificate and key of the configuration. With problems, the texts may be incomplete. */
export async function readMaterials(
  config: ConfigFile,
  now: number,
): Promise<{ readonly materials: Materials; readonly problems: readonly MaterialProblem[] }> {
  const problems: MaterialProblem[] = [];

  async function read(file: string, path: readonly (string | number)[]): Promise<string | undefined> {
    try {
      return normalisePem(await readFile(file, 'utf8'));
    } catch (cause) {
      const remedy = 'name an existing file that the gateway may read';
      const message = `${file} ${fileTrouble(cause)}`;
      problems.push({ severity: 'error', path, message, remedy, pemFile: undefined, line: 0 });
      return undefined;
    }
  }

  function note(found: readonly PemProblem[], pemFile: string, path: readonly (string | number)[]): void {
    problems.push(...found.map(problem => ({ ...problem, pemFile, path })));
  }

  async function authorities(file: string, path: readonly (string | number)[]): Promise<string | undefined> {
    const pem = await read(file, path);
    if (pem !== undefined) note(checkAuthorities(pem, now), file, path);
    return pem;
  }

  async function serverTls(
    tls: { readonly certificate: string; readonly key: string },
    clientCa: string | undefined,
    path: readonly (string | number)[],
  ): Promise<ServerTls> {
    const certificate = await read(tls.certificate, [...path, 'tls', 'certificate']);
    const key = await read(tls.key, [...path, 'tls', 'key']);
    if (certificate !== undefined && key !== undefined) {
      note(checkServerCertificate(certificate, key, now), tls.certificate, [...path, 'tls', 'certificate']);
    }
    const ca = clientCa === undefined ? undefined : await authorities(clientCa, [...path, 'client_ca']);
    return { certificate: certificate ?? '', key: key ?? '', clientCa: ca };
  }

  async function clusterTls(cluster: ConfigFile['clusters'][number], index: number): Promise<ClusterTls> {
    const path = ['clusters', index];
    const ca = await authorities(cluster.talos_ca, [...path, 'talos_ca']);
    const certificate = await read(cluster.client_certificate, [...path, 'client_certificate']);
    const key = await read(cluster.client_key, [...path, 'client_key']);
    if (ca !== undefined && certificate !== undefined && key !== undefined) {
      const found = checkGatewayCertificate(certificate, key, ca, now);
      note(found, cluster.client_certificate, [...path, 'client_certificate']);
    }
    return { cluster: cluster.name, ca: ca ?? '', certificate: certificate ?? '', key: key ?? '' };
  }

  async function receiverAuthorities(): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    for (const group of ['webhooks', 'slack', 'mail'] as const) {
      for (const [index, { ca }] of config.notifications[group].entries()) {
        if (ca === undefined || found.has(ca)) continue;
        found.set(ca, (await authorities(ca, ['notifications', group, index, 'ca'])) ?? '');
      }
    }
    return found;
  }

  const { grpc, http } = config.listen;
  const materials: Materials = {
    grpc: await serverTls(grpc.tls, grpc.client_ca, ['listen', 'grpc']),
    http: http.tls === undefined ? undefined : await serverTls(http.tls, http.client_ca, ['listen', 'http']),
    clusters: await Promise.all(config.clusters.map(clusterTls)),
    authorities: await receiverAuthorities(),
  };
  return { materials, problems };
}
