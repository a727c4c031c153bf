import { Command } from 'commander';
import { approvalCommands } from './approvals.ts';
import { auditCommands } from './audit.ts';
import { auditForkCommand } from './audit-fork.ts';
import { auditProofCommands } from './audit-proof.ts';
import { type CliContext, version } from './context.ts';
import { demoCommand } from './demo/demo.ts';
import { migrateCommand } from './migrate.ts';
import { notifyCommands } from './notify.ts';
import { policyCommands } from './policy.ts';
import { requestCommands } from './request/request.ts';
import { reviewCommands } from './reviews.ts';
import { serveCommand } from './serve.ts';
import { sessionCommands } from './sessions.ts';
import { setupCommands } from './setup.ts';
import { simCommand } from './sim.ts';
import { witnessCommand } from './witness.ts';

/** Every subcommand, in the order of the help screen. One line to add one. */
const commands: readonly ((parent: Command, context: CliContext) => void)[] = [
  serveCommand,
  demoCommand,
  setupCommands,
  migrateCommand,
  policyCommands,
  auditCommands,
  auditProofCommands,
  auditForkCommand,
  witnessCommand,
  approvalCommands,
  notifyCommands,
  requestCommands,
  sessionCommands,
  reviewCommands,
  simCommand,
];

/** The command line of talosgate. Parsing rejects with GateError for mistakes that a person can mend. */
export function createProgram(context: CliContext): Command {
  const program = new Command('talosgate')
    .description('Policy-enforcing, recording gateway for the Talos machine API')
    .version(version)
    .showHelpAfterError('(--help shows what there is)');
  for (const add of commands) add(program, context);
  return program;
}
