/** Ways in which a node goes away. */
export type PowerAction = 'reboot' | 'shutdown' | 'reset' | 'upgrade';

/** The switch of a node. Each call returns at once; what follows happens in the node's own time. */
export interface Power {
  /** Away for a while, then back with another boot id. `actor` marks the events; '' for none. */
  reboot(actor: string, action?: PowerAction): void;
  /** Away until somebody starts the node again. */
  off(actor: string, action: PowerAction): void;
}
