import { randomUUID } from 'node:crypto';
import { holdForApproval } from '../../../src/approvals/hold.ts';
import type { HoldOptions, HoldResult } from '../../../src/approvals/hold-end.ts';
import type { NewApproval } from '../../../src/approvals/store.ts';
import type { Approval } from '../../../src/core/approval.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { screenOf } from '../../support/screen.ts';
import { ScriptedTerminal } from '../../support/scripted-terminal.ts';
import { type Bench, newApproval } from './support.ts';

/** A person whom no other test knows, with one call that they may make again, and what they see of it. */
export class HeldCaller {
  readonly request: NewApproval = newApproval({ requester: `bob-${randomUUID()}` });
  readonly gone = new AbortController();
  terminal: ScriptedTerminal;
  readonly #bench: Bench;

  constructor(bench: Bench, options: { tty: boolean } = { tty: true }) {
    this.#bench = bench;
    this.terminal = new ScriptedTerminal(options);
  }

  hold(over: Partial<HoldOptions> = {}): Promise<HoldResult> {
    return holdForApproval({
      terminal: this.terminal,
      store: this.#bench.store,
      request: this.request,
      reasonRequired: true,
      clock: systemClock,
      signal: this.gone.signal,
      texts: { approvers: 'platform-leads', baseUrl: 'https://gate.example.com' },
      ...over,
    });
  }

  /** Starts a hold and walks it up to where it waits for a decision. */
  async waiting(over: Partial<HoldOptions> = {}): Promise<{ result: Promise<HoldResult>; id: string }> {
    const result = this.hold(over);
    await this.terminal.shows('reason> ');
    this.terminal.type('fix it\r');
    await this.terminal.shows('waiting for a decision');
    return { result, id: (await this.openRequest()).id };
  }

  async openRequest(): Promise<Approval> {
    const found = await this.#bench.store.find(this.request.binding);
    if (found === undefined) throw new Error('no open request');
    return found;
  }

  lastLine(): string {
    const { tty, printed } = this.terminal;
    const lines = tty ? screenOf(printed, 500) : printed.split('\n');
    return lines.findLast(line => line !== '') ?? '';
  }
}
