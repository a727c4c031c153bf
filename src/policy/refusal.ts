import type { Decision, PolicyQuestion } from '../core/decision.ts';
import { formatRef } from './rule.ts';

/**
 * What a refused caller is told: the action, the resource, the node, why, what to do and under which id the refusal is on
 * record. Names only the rule that denies, never what others may do. Never holds a word on which talosctl would print its
 * usage screen (cmd/talosctl/cmd/root.go), not even when the request itself does.
 */
export function refusalMessage(decision: Decision, question: PolicyQuestion, callId: string): string {
  const { action, resource, cluster, node, principal } = question;
  const what = `${action} on ${cut(resource)}`;
  const where = node === '-' ? '' : ` of node ${cut(node)} (cluster ${cut(cluster)})`;
  return defuse(`talosgate: ${what}${where}: ${reasonOf(decision, cut(principal.id))} (call ${callId})`);
}

function reasonOf(decision: Decision, who: string): string {
  if (decision.effect === 'approve') return `somebody else has to approve this first; ask for an approval`;
  if (decision.effect === 'allow') return `allowed by ${formatRef(decision.rule)}, and refused for another reason`;
  if (decision.reason === 'policy-error') return 'the policy could not be applied; tell the people who run talosgate';
  if (decision.rule === undefined) return `no rule allows it to ${who}; ask the people who keep the policy for a rule`;
  return `denied by the rule at ${formatRef(decision.rule)}, "${cut(decision.rule.text)}"; ask the people who keep the policy`;
}

/** Longest piece of the caller's own text that is repeated, in characters. */
const longest = 300;

function cut(text: string): string {
  const plain = text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '?');
  return plain.length <= longest ? plain : `${plain.slice(0, longest)}...`;
}

/** Escapes one letter of each such word, in the way of resources, so that the text still names the same thing. */
function defuse(text: string): string {
  return text.replaceAll(/arg(?=\(s\))|flag|command/gi, word => {
    const last = word.charCodeAt(word.length - 1).toString(16);
    return `${word.slice(0, -1)}%${last}`;
  });
}
