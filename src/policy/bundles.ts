/** What talosctl calls besides the action that a rule is about. */
export interface Need {
  readonly action: string;
  /** A resource that must be covered; undefined: some resource of the action. */
  readonly resource: string | undefined;
  /** What happens without it. */
  readonly otherwise: string;
}

/**
 * Actions that leave talosctl stuck half-way when something else is refused (design/talos.md 4.5 and 5.5). Calls that fail
 * before anything has changed are not listed: a clear refusal is enough there.
 */
export const bundles: ReadonlyMap<string, readonly Need[]> = new Map(
  Object.entries({
    'node.reboot': tracked('reboot'),
    'node.shutdown': tracked('shutdown'),
    'node.reset': tracked('reset'),
    'node.upgrade': [
      ...tracked('upgrade'),
      { action: 'image.pull', resource: undefined, otherwise: 'talosctl upgrade cannot fetch the installer' },
      { action: 'node.reboot', resource: 'power/default', otherwise: 'talosctl upgrade installs, then cannot reboot' },
      {
        action: 'credentials.kubeconfig',
        resource: 'cluster',
        otherwise: 'talosctl upgrade installs, then fails to drain the node',
      },
    ],
    'debug.run': [
      { action: 'image.pull', resource: undefined, otherwise: 'talosctl debug stops before it can ask for approval' },
    ],
  }),
);

function tracked(verb: string): Need[] {
  return [
    { action: 'node.version', resource: 'node', otherwise: `talosctl ${verb} stops before it starts` },
    {
      action: 'events.read',
      resource: 'events',
      otherwise: `talosctl ${verb} is carried out, then waits 30 minutes for nothing`,
    },
  ];
}
