/** How long things take on a simulated node, in milliseconds; tests shorten them. */
export interface SimTiming {
  /** Between a reboot request and the moment the node goes away. */
  readonly shutdown: number;
  /** How long calls may still run once the node takes no new ones: a real apid stops gracefully for up to 10 s. */
  readonly grace: number;
  /** How long a rebooting node does not answer. */
  readonly away: number;
  /** From answering again until the machine says it is running and ready. */
  readonly boot: number;
  /** Between two progress messages of a pull, an upgrade or a health check. */
  readonly step: number;
}

/** What is asked for one simulated node. */
export interface SimNodeSettings {
  /** Host name, unique in its cluster. */
  readonly name: string;
  readonly cluster: string;
  readonly role: 'controlplane' | 'worker';
  /** The node's own IP as Talos would know it: 10.5.0.2. */
  readonly address: string;
  /** host:port to listen on; port 0 takes any. */
  readonly listen: string;
  readonly tls: {
    /** Server certificate, PEM; should carry the name and the address. */
    readonly certificate: Buffer | string;
    readonly key: Buffer | string;
    /** PEM bundle that client certificates are verified against. */
    readonly clientCa: string;
  };
  /** Default v1.13.9. */
  readonly talosVersion?: string;
  /** Without the v. Default 1.36.3. */
  readonly kubernetesVersion?: string;
  /** URL of the Kubernetes API; nothing has to be there. Default https://<cluster>.example:6443. */
  readonly kubernetesEndpoint?: string;
  /** Lines per second of each log that somebody follows. Default 2. */
  readonly logRate?: number;
  /** Size of an etcd snapshot in bytes. Default 4 MiB. */
  readonly snapshotBytes?: number;
  readonly timing?: Partial<SimTiming>;
}

/** Settings with every default filled in. */
export type NodeSettings = Required<Omit<SimNodeSettings, 'timing'>> & { readonly timing: SimTiming };

/** Fills in the defaults. */
export function completeSettings(settings: SimNodeSettings): NodeSettings {
  return {
    talosVersion: 'v1.13.9',
    kubernetesVersion: '1.36.3',
    kubernetesEndpoint: `https://${settings.cluster}.example:6443`,
    logRate: 2,
    snapshotBytes: 4 * 1024 * 1024,
    ...settings,
    timing: { shutdown: 300, grace: 200, away: 1200, boot: 800, step: 120, ...settings.timing },
  };
}
