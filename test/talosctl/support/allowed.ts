/** Two ways to say the same thing, one by the node or its apid, the other by the gateway. */
interface Allowed {
  readonly direct: RegExp;
  readonly gateway: RegExp;
  readonly reason: string;
}

/** The only differences that are meant. Everything around them must be the same byte for byte. */
const allowedDifferences: readonly Allowed[] = [
  {
    direct:
      /connection error: desc = "transport: Error while dialing: dial tcp [\d.]+:50000: connect: connection refused"/g,
    gateway: /node \S+ cannot be reached \(ECONNREFUSED\)/g,
    reason: 'a node that is off: the gateway names it and keeps addresses of the cluster to itself',
  },
  {
    direct:
      /(?:ERROR: )?(?:1 error occurred:\n\s*(?:\* demo-worker-9: )?)?rpc error: code = Unavailable desc = name resolver error: produced zero addresses for \S+\n*/g,
    gateway:
      /(?:error streaming results: |error getting logs: )?rpc error: code = InvalidArgument desc = cluster \S+ has no node "[^"]*" behind this gateway\n*/g,
    reason: 'a node that nobody knows: looked up in the list of nodes, not with a name server, and refused as a whole',
  },
  {
    direct: /code = Internal desc = invalid target "[^"]*"/g,
    gateway: /code = InvalidArgument desc = node "[^"]*": name the node without a port/g,
    reason: 'a node with a port: neither takes it, the gateway says why',
  },
];

/**
 * Puts the same sign in the place of what may differ, on both sides, and gives the reasons of all that were found on
 * both.
 */
export function allow(direct: string, gateway: string): { direct: string; gateway: string; reasons: string[] } {
  const reasons: string[] = [];
  let [left, right] = [direct, gateway];
  allowedDifferences.forEach((allowed, index) => {
    if (left.search(allowed.direct) < 0 || right.search(allowed.gateway) < 0) return;
    reasons.push(allowed.reason);
    left = left.replaceAll(allowed.direct, `ALLOWED-${index}`);
    right = right.replaceAll(allowed.gateway, `ALLOWED-${index}`);
  });
  return { direct: left, gateway: right, reasons };
}
