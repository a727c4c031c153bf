import { stringify } from 'yaml';

/** How a user proves themselves: a client certificate, or a JWT that talosctl carries as a Basic password. */
type TalosconfigCredential =
  | { readonly kind: 'certificate'; readonly certificate: string; readonly key: string }
  | { readonly kind: 'token'; readonly user: string; readonly token: string };

export interface TalosconfigOptions {
  /** Name of the context, as `talosctl --context` takes it. */
  readonly context: string;
  /** Addresses of the gateway, `host` or `host:port`. */
  readonly endpoints: readonly string[];
  /** Nodes that talosctl turns to when none is named. */
  readonly nodes?: readonly string[];
  /** CA certificate of the gateway's server certificate, PEM. */
  readonly ca: string;
  /** Cluster that the gateway shall choose; becomes the metadata key `context`. */
  readonly cluster?: string;
  readonly credential: TalosconfigCredential;
}

/**
 * Writes a talosconfig for a stock talosctl. Keys as in talos pkg/machinery/client/config/config.go, the same in
 * v1.13 and v1.14: PEM texts are base64-encoded once more. The result holds a credential; write it with mode 0600.
 */
export function writeTalosconfig(options: TalosconfigOptions): string {
  const { context, endpoints, nodes, ca, cluster, credential } = options;
  const entry = {
    endpoints: [...endpoints],
    ...(nodes === undefined || nodes.length === 0 ? {} : { nodes: [...nodes] }),
    ca: toBase64(ca),
    ...(credential.kind === 'certificate'
      ? { crt: toBase64(credential.certificate), key: toBase64(credential.key) }
      : { auth: { basic: { username: credential.user, password: credential.token } } }),
    ...(cluster === undefined ? {} : { cluster }),
  };
  return stringify({ context, contexts: { [context]: entry } }, { lineWidth: 0 });
}

function toBase64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
