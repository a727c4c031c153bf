import { watch } from 'node:fs';
import type { TermsFor } from '../core/approval-terms.ts';
import type { Decide, PolicyQuestion } from '../core/decision.ts';
import { GateError } from '../core/gate-error.ts';
import type { ActionTable } from './actions.ts';
import { type Explanation, explainQuestion } from './explain.ts';
import { type LoadedFolder, loadPolicy, type Policy } from './load.ts';
import { formatProblem } from './problem.ts';
import type { PolicyFile } from './read-folder.ts';
import { termsFor } from './terms.ts';

/** What came of one attempt to bring a policy into force; the app records it. `error` names file and line. */
export type PolicyLoad =
  | { readonly ok: true; readonly revision: string; readonly files: readonly PolicyFile[] }
  | {
      readonly ok: false;
      /** Of the refused files. What is in force is in `running`. */
      readonly revision: string;
      readonly files: readonly PolicyFile[];
      readonly running: string | undefined;
      readonly error: string;
    };

/** The policy in force. Everything it answers at one moment comes from one revision. */
export interface PolicyEngine {
  readonly decide: Decide;
  /** What an approval of the call takes. Only asked where the decision is `approve`. */
  readonly termsFor: TermsFor;
  /** SHA-256 over the files in force, hex. */
  revision(): string;
  explain(question: PolicyQuestion): Explanation;
  /** Reads the folder again now. All or nothing; calls go on being decided by the old rules until the new ones are ready. */
  reload(): Promise<PolicyLoad>;
  close(): Promise<void>;
}

export interface PolicyEngineOptions {
  readonly directory: string;
  readonly actions: ActionTable;
  /** Told about the first load and every later one, good or bad. */
  onLoad(load: PolicyLoad): void;
  /** False: only `reload` looks at the folder again. */
  readonly watch?: boolean;
}

/** How long the folder must be quiet before it is read again, milliseconds: an editor writes in several steps. */
const quiet = 100;

/**
 * Brings the policy into force. Rejects with GateError `bad-config` when there is none to run, since there are no older
 * rules to go on with, and when the folder cannot be watched.
 */
export async function createPolicyEngine(options: PolicyEngineOptions): Promise<PolicyEngine> {
  const { directory, actions } = options;
  let running: Policy | undefined;
  const attempt = async (): Promise<PolicyLoad> => {
    const loaded = await loadPolicy(directory, actions);
    const report = reportOf(loaded, running?.revision);
    if (report.ok) running = loaded.policy;
    options.onLoad(report);
    return report;
  };
  // One after the other: a slow load must never overtake a later one. Whoever asks while one is waiting to start shares it.
  let last: Promise<unknown> = Promise.resolve();
  let waiting: Promise<PolicyLoad> | undefined;
  const reload = () => {
    if (waiting !== undefined) return waiting;
    const next = last.then(() => {
      waiting = undefined;
      return attempt();
    });
    waiting = next;
    last = next.catch(() => undefined);
    return next;
  };
  const close = async () => {
    watcher?.close();
    await last;
  };
  // Watched from before the first read on, so that no edit falls between the two.
  const watcher =
    options.watch === false ? undefined : watchFolder(directory, () => void reload().catch(() => undefined));
  const first = await reload();
  const refusal = first.ok ? watcher?.problem : first.error;
  if (refusal !== undefined) {
    await close();
    throw new GateError('bad-config', refusal);
  }
  const inForce = (): Policy => {
    if (running === undefined) throw new GateError('internal', 'no policy is in force');
    return running;
  };
  return {
    decide: question => inForce().decide(question),
    termsFor: question => termsFor(inForce().terms, actions, question),
    revision: () => inForce().revision,
    explain: question => explainQuestion(inForce(), actions, question),
    reload,
    close,
  };
}

/** The first mistakes, or the first failing cases, one per line; undefined when the policy may run. */
export function refusalOf({ policy, problems }: LoadedFolder): string | undefined {
  const failed = policy?.results.filter(result => !result.ok) ?? [];
  const lines = [
    ...problems.map(formatProblem),
    ...failed.map(({ file, line, description, message }) => `${file}:${line}: case "${description}": ${message}`),
  ];
  if (lines.length === 0) return undefined;
  const shown = lines.slice(0, 20);
  return lines.length > shown.length
    ? [...shown, `and ${lines.length - shown.length} more`].join('\n')
    : shown.join('\n');
}

function reportOf(loaded: LoadedFolder, running: string | undefined): PolicyLoad {
  const { revision, files } = loaded.folder;
  const error = refusalOf(loaded);
  return error === undefined ? { ok: true, revision, files } : { ok: false, revision, files, running, error };
}

/** `problem` is set when the folder cannot be watched from the start. */
function watchFolder(directory: string, changed: () => void): { close(): void; readonly problem: string | undefined } {
  let timer: NodeJS.Timeout | undefined;
  const settle = () => {
    clearTimeout(timer);
    timer = setTimeout(changed, quiet);
    timer.unref();
  };
  try {
    const watcher = watch(directory, { persistent: false }, settle);
    // A folder that can no longer be watched is still read on demand; the rules in force stay.
    watcher.on('error', () => watcher.close());
    const close = () => {
      clearTimeout(timer);
      watcher.close();
    };
    return { close, problem: undefined };
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'unknown reason';
    return { close: () => undefined, problem: `the policy folder cannot be watched for changes: ${reason}` };
  }
}
