import type { MaskName } from '../cases/case.ts';

/** Something that must differ between two runs, and what stands in its place for the comparison. */
interface Mask {
  readonly pattern: RegExp;
  readonly stands: string;
  readonly reason: string;
}

// As few as it gets: the simulated nodes have a clock that stands still and randomness from a seed, so that what they
// say needs no mask. What is left comes from talosctl itself.

const tries = 'talosctl tries again once a second; how often it finds the node away is chance';

const always: readonly Mask[] = [
  {
    pattern: /127\.0\.0\.1:\d+/g,
    stands: 'ENDPOINT',
    reason: 'the address that talosctl was told to dial: a node on one side, the gateway on the other',
  },
  {
    pattern: /^\n?Signal received, aborting, press .*\n/gm,
    stands: '',
    reason: 'talosctl may or may not come to say so between SIGINT and its end (pkg/cli/context.go)',
  },
  { pattern: /^("[^"]+": unavailable, retrying\.\.\.\n)\1+/gm, stands: '$1', reason: tries },
];

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g;

const named: Readonly<Record<MaskName, readonly Mask[]>> = {
  ago: [{ pattern: /\d+h\d+m\d+s ago/g, stands: 'AGO', reason: 'counted by talosctl from its own clock' }],
  'graph nodes': [
    {
      pattern: /\b(?:n|cluster_s)\d+/g,
      stands: 'ID',
      reason: 'talosctl numbers the nodes of the graph in the order of a Go map',
    },
  ],
  progress: [
    {
      pattern: /^.*\[[-=>]+\].*$\n?/gm,
      stands: '',
      reason: 'a progress bar that talosctl draws again several times a second',
    },
  ],
  'new key': [
    {
      pattern: /[A-Za-z0-9+/]{60,}={0,2}/g,
      stands: 'KEY',
      reason: 'a certificate and a key that talosctl makes anew in each run',
    },
  ],
  actor: [{ pattern: uuid, stands: 'ACTOR', reason: 'given out in the order in which the calls reach the nodes' }],
  columns: [
    {
      pattern: / {2,}/g,
      stands: '  ',
      reason: 'talosctl aligns the lines that it has when it comes to print, and nodes answer when they are ready',
    },
  ],
  retries: [{ pattern: /^"[^"]+": unavailable, retrying\.\.\.\n/gm, stands: '', reason: tries }],
  'first events': [
    {
      pattern:
        /^"[^"]+": (?:stage: (?:SHUTTING_DOWN|RESETTING)|sequence: (?:shutdown|reset) |(?:phase|task): (?:storeShutdown|saveStateEncryptionConfig|drain|cordonAndDrainNode|cleanup|stopAllPods|removeAllPods) ).*\n/gm,
      stands: '',
      reason: 'talosctl asks for events and for the shutdown at the same time, and may miss the first of them',
    },
  ],
  'newest only': [
    {
      pattern: /^demo-worker-\d: .*\n/gm,
      stands: '',
      reason: 'of several nodes at work talosctl prints the newest message of each, as often as it comes to it',
    },
  ],
  'temporary file': [{ pattern: /talosctl-edit-\S+/g, stands: 'FILE', reason: 'a name that talosctl picks at random' }],
};

/** What an interrupted talosctl may or may not still say: its own end and the end of its calls race. */
export const lastWords = /^\n?(?:\S.*)?code = Canceled desc = context canceled\n/gm;

/** Puts the masks over a text: those for all, and those that the case names. */
export function masked(text: string, names: readonly MaskName[] = []): string {
  const masks = [...always, ...names.flatMap(name => named[name])];
  return masks.reduce((masking, { pattern, stands }) => masking.replaceAll(pattern, stands), text);
}
