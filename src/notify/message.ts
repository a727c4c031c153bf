/** What a channel can be told of. `escalation` is a request that nobody has decided for too long. */
export type MessageKind =
  | 'requested'
  | 'escalation'
  | 'approved'
  | 'denied'
  | 'lapsed'
  | 'started'
  | 'ended'
  | 'emergency'
  | 'review-closed';

/** One thing to tell people: what happened to which approval. Texts are as people wrote them; each channel escapes. */
export interface Message {
  /** The same for every attempt at telling it to one channel. */
  readonly id: string;
  readonly kind: MessageKind;
  /** When it happened, milliseconds since the epoch. */
  readonly at: number;
  readonly approval: {
    readonly id: string;
    readonly action: string;
    readonly resource: string;
    readonly cluster: string;
    readonly node: string;
    readonly requester: string;
    readonly reason: string;
    readonly state: string;
    /** When the request or the grant lapses, milliseconds since the epoch. */
    readonly expiresAt: number;
  };
  /** Who did it, where that is not the requester. */
  readonly by: string | undefined;
  /** What they said: the reason of a decision, how a call ended, the finding of a review. */
  readonly words: string | undefined;
  /** Where a person can look at it. A message never carries a decision. */
  readonly link: string | undefined;
}

/** One line that says it all, without line breaks. */
export function headline(message: Message): string {
  const { action, node, id } = message.approval;
  const what = `${action} on ${node}`;
  const by = message.by === undefined ? '' : ` by ${message.by}`;
  const line: Record<MessageKind, string> = {
    requested: `${what} needs approval (${id})`,
    escalation: `${what} still needs approval (${id})`,
    approved: `${what} approved${by} (${id})`,
    denied: `${what} denied${by} (${id})`,
    lapsed: `${what}: the request is over (${id})`,
    started: `${what} has started (${id})`,
    ended: `${what} has ended (${id})`,
    emergency: `EMERGENCY: ${what} started without approval (${id})`,
    'review-closed': `review of the emergency ${what} closed${by} (${id})`,
  };
  return line[message.kind].replace(/\s+/g, ' ');
}

/** The rest as label and text, in the order in which a reader wants them. Texts may hold anything but control characters. */
export function particulars(message: Message): readonly (readonly [label: string, text: string])[] {
  const { approval, words, link } = message;
  const lines: [string, string | undefined][] = [
    ['Requester', approval.requester],
    ['Reason', approval.reason],
    ['What', `${approval.action} ${approval.resource}`],
    ['Node', `${approval.cluster}/${approval.node}`],
    ['State', approval.state],
    [saidBy(message), words],
    ['Until', isOpen(message) ? new Date(approval.expiresAt).toISOString() : undefined],
    ['Look', link],
    ['Decide', isOpen(message) ? `talosgate approvals show ${approval.id}` : undefined],
  ];
  return lines.flatMap(([label, text]) =>
    text === undefined || text === '' ? [] : [[label, text.replace(controls, ' ')] as const],
  );
}

function isOpen({ kind }: Message): boolean {
  return kind === 'requested' || kind === 'escalation';
}

function saidBy({ kind, by }: Message): string {
  if (by !== undefined) return by.replace(controls, ' ');
  return kind === 'review-closed' ? 'Finding' : 'Said';
}

// Bidi marks too: they could make a reader take one name for another.
const controls = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu;
