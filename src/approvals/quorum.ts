import type { ApprovalNeed, ApprovalQuorum, ApprovalVote } from '../core/approval.ts';

/**
 * Says whether the approving votes fill every need with different people. It checks every set of needs against the
 * people who fit one of them (Hall's condition), so one person in two groups never stands for two.
 * No need at all is never met: an approval without approvers is none. The database computes the same, see
 * `talosgate.approval_quorum_met`.
 */
export function quorumMet(quorum: ApprovalQuorum, votes: readonly ApprovalVote[]): boolean {
  if (quorum.approvals.length === 0) return false;
  const approving = votes.filter(vote => vote.verdict === 'approve');
  return subsets(quorum.approvals).every(needs => {
    const people = new Set(approving.filter(vote => needs.some(need => fits(vote, need))).map(vote => vote.by));
    return people.size >= needs.reduce((sum, need) => sum + need.count, 0);
  });
}

/** Says whether enough people have denied to end the request. */
export function denialsMet(quorum: ApprovalQuorum, votes: readonly ApprovalVote[]): boolean {
  return votes.filter(vote => vote.verdict === 'deny').length >= quorum.denials;
}

/** What is left of a grant when its votes are looked at again. */
export interface VotesNow {
  /** True when the votes that still count are enough. */
  readonly enough: boolean;
  /** People whose vote no longer counts. */
  readonly void: readonly string[];
}

/**
 * Looks at a grant's votes again right before it is used: the vote of a person who may no longer decide is void.
 * `stillMayDecide` is asked once per approving vote; the requester's own vote never counts, whatever it says. `asked` is what
 * policy asks for by now: a grant that was given for less is not enough any more.
 */
export function voidVotes(
  approval: { readonly requester: string; readonly quorum: ApprovalQuorum; readonly votes: readonly ApprovalVote[] },
  stillMayDecide: (person: string, vote: ApprovalVote) => boolean,
  asked: ApprovalQuorum = approval.quorum,
): VotesNow {
  const approving = approval.votes.filter(vote => vote.verdict === 'approve');
  const standing = approving.filter(vote => !samePerson(vote.by, approval.requester) && stillMayDecide(vote.by, vote));
  return {
    enough: quorumMet(approval.quorum, standing) && quorumMet(asked, standing),
    void: approving.filter(vote => !standing.includes(vote)).map(vote => vote.by),
  };
}

/**
 * Says whether two names could have one person behind them, as the database's `approval_person` does: without regard to
 * case, and a machine (`machine:bob@example.com`) is in the hands of the person it is named after. For what needs a
 * second person; for whose a grant is, see `sameCaller`.
 */
export function samePerson(one: string, other: string): boolean {
  return personBehind(one) === personBehind(other);
}

/** Says whether two names are one caller: without regard to case, but a machine is not the person of the same name. */
export function sameCaller(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

function personBehind(name: string): string {
  return name.toLowerCase().replace(/^(?:machine:)+/, '');
}

function fits(vote: ApprovalVote, need: ApprovalNeed): boolean {
  return need.group === undefined || vote.groups.includes(need.group);
}

/** Every non-empty selection. A rule has a handful of needs, the database allows eight. */
function subsets<T>(items: readonly T[]): T[][] {
  return items.reduce<T[][]>((all, item) => [...all, ...all.map(set => [...set, item]), [item]], []);
}
