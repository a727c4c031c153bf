import { printable } from '../core/printable.ts';
import { type HoldOptions, say } from './hold-end.ts';
import type { HeldInput, Leaving } from './hold-input.ts';
import { LineEditor } from './line-editor.ts';

/** Longest reason, in characters; what the database takes. */
const longestReason = 500;

/** Typed before the reason at the prompt, it asks to start alone. */
const emergencyWord = 'emergency:';

/** What came of asking for a reason. */
export type GivenReason = { readonly line: string; readonly alone: boolean } | Leaving;

/**
 * Asks for a reason on a held terminal until it is one that policy takes. `emergency: REASON` asks to start alone, which is
 * confirmed by typing the name of the node; whoever may not, or thinks better of it, is asked again.
 */
export async function askReason(options: HoldOptions, input: HeldInput): Promise<GivenReason> {
  const { request, signal, terminal } = options;
  const rule = request.terms?.reason;
  if (!options.reasonRequired && rule === undefined) return { line: '', alone: false };
  const editor = new LineEditor('talosgate: reason> ', longestReason);
  for (;;) {
    const answer = (await input.readLine(editor, signal)) ?? 'gone';
    if (typeof answer !== 'object') return answer;
    const { line } = answer;
    if (options.emergency !== undefined && line.toLowerCase().startsWith(emergencyWord)) {
      const reason = line.slice(emergencyWord.length).trim();
      const sure = await confirm(options, input, reason);
      if (typeof sure !== 'boolean') return sure;
      if (sure) return { line: reason, alone: true };
    } else if (rule === undefined || rule.matches(line)) return { line, alone: false };
    else say(terminal, `the reason must hold ${printable(rule.expected, 200)}`);
  }
}

async function confirm(options: HoldOptions, input: HeldInput, reason: string): Promise<boolean | Leaving> {
  const { terminal, request, signal, emergency } = options;
  const why = reason === '' ? 'say why, behind the colon' : emergency?.refusal();
  if (why !== undefined) {
    say(terminal, `${why}; or give a plain reason to ask for approval`);
    return false;
  }
  const node = printable(request.node, 253);
  say(
    terminal,
    'this starts without approval: every channel is told, and a review opens that somebody else has to close',
  );
  say(terminal, `type the name of the node, ${node}, to go on, or anything else to go back`);
  const answer = (await input.readLine(new LineEditor('talosgate: confirm> ', 253), signal)) ?? 'gone';
  return typeof answer === 'object' ? answer.line === request.node : answer;
}
