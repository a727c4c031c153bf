import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { GateError } from '../core/gate-error.ts';
import { parseDuration } from '../core/settings.ts';
import { proveRecord } from '../seal/prove.ts';
import type { Report } from '../seal/verify/findings.ts';
import { verifyLog } from '../seal/verify/verify-log.ts';
import { createSigner, generateKey } from '../tlog/note.ts';
import { verifyProof } from '../tlog/tlog-proof.ts';
import { writeBundleFolder } from './audit-bundle.ts';
import {
  openSource,
  readTrust,
  type SourceOptions,
  said,
  type TrustOptions,
  withSource,
  withTrust,
} from './audit-source.ts';
import type { CliContext } from './context.ts';
import { type Output, safeText } from './output.ts';

/** `talosgate audit verify|prove|check-proof|bundle|keygen`: the log as something that can be proved. Needs no gateway. */
export function auditProofCommands(parent: Command, context: CliContext): void {
  const audit = parent.commands.find(command => command.name() === 'audit') ?? parent.command('audit');
  withTrust(withSource(audit.command('verify').description('verify the whole log against its signed tree')))
    .option('--anchor <file...>', 'checkpoint that was kept elsewhere')
    .option('--max-age <duration>', 'longest time a record may be without cosigned checkpoint', '5m')
    .option('--begins-at <index>', 'first record that is expected, for a part of a log')
    .option('-o, --output <format>', 'text or json', 'text')
    .action(async (options: VerifyCommand) => {
      process.exitCode = await verify(options, context);
    });
  withSource(audit.command('prove <call>').description('write a proof for each record of a call'))
    .option('--out <folder>', 'where the proofs go', '.')
    .action(async (call: string, options: SourceOptions & { out: string }) => {
      await prove(call, options, context);
    });
  withTrust(audit.command('check-proof <file>').description('check a proof, offline')).action(
    async (file: string, options: TrustOptions) => {
      const verdict = verifyProof(await said(() => readFile(file, 'utf8')), await readTrust(options));
      process.exitCode = verdict.ok ? 0 : verdict.why === 'unanchored' ? 5 : 2;
      if (!verdict.ok) context.output.error(`not proved: ${verdict.why}`);
      else context.output.out(`proved, in the checkpoint of ${verdict.size} records${seen(verdict.witnessedAt)}`);
    },
  );
  withSource(
    audit.command('bundle <folder>').description('write the log as a bundle that can be verified by itself'),
  ).action(async (folder: string, options: SourceOptions) => {
    const { first, size, origin } = await writeBundleFolder(folder, options, {}, context);
    context.output.out(`wrote records ${first} to ${size - 1} of ${origin} to ${folder}`);
  });
  audit
    .command('keygen <file>')
    .description('make an Ed25519 key for a log or a witness, and print what verifiers need')
    .requiredOption('--name <name>', 'origin of the log, or name of the witness')
    .option('--for-witness', 'the key is for a witness', false)
    .action(async (file: string, options: { name: string; forWitness: boolean }) => {
      await said(async () => {
        const key = generateKey();
        const { verifier } = createSigner(options.name, key, options.forWitness ? 'cosignature' : 'note');
        await writeFile(file, key, { mode: 0o600, flag: 'wx' });
        context.output.out(verifier.vkey);
      });
    });
}

type VerifyCommand = SourceOptions &
  TrustOptions & { anchor?: string[]; maxAge: string; beginsAt?: string; output: string };

async function verify(options: VerifyCommand, context: CliContext): Promise<number> {
  const maxAgeMs = parseDuration(options.maxAge);
  if (maxAgeMs === undefined) throw new GateError('bad-request', 'write --max-age as a duration: 5m');
  const beginsAt = options.beginsAt === undefined ? undefined : Number(options.beginsAt);
  if (beginsAt !== undefined && !Number.isSafeInteger(beginsAt)) {
    throw new GateError('bad-request', 'write --begins-at as the index of a record');
  }
  const policy = await readTrust(options);
  const anchors = await said(() => Promise.all((options.anchor ?? []).map(file => readFile(file, 'utf8'))));
  const { source, close } = await openSource(options, context);
  try {
    const report = await said(() =>
      verifyLog(source, { policy, anchors, maxAgeMs, beginsAt, now: context.clock.now() }),
    );
    if (options.output === 'json') context.output.out(JSON.stringify(report));
    else tell(report, context.output);
    return report.exitCode;
  } finally {
    await close();
  }
}

function tell(report: Report, output: Output): void {
  const { findings, total, anchored } = report;
  output.out(`${report.records} records, ${report.checkpoints} checkpoints, sealed up to ${report.sealed}`);
  output.out(anchored === undefined ? 'unanchored' : `cosigned up to ${anchored.size}${seen(anchored.seconds)}`);
  for (const note of report.notes) output.out(`note: ${safeText(note)}`);
  for (const { kind, index, boot, wseq, text } of findings.slice(0, 50)) {
    const where = [
      ...(index === undefined ? [] : [`index ${index}`]),
      ...(boot === undefined ? [] : [`boot ${boot}`]),
      ...(wseq === undefined ? [] : [`wseq ${wseq}`]),
    ];
    output.out(safeText([kind.toUpperCase().padEnd(8), where.join(', '), text].filter(part => part !== '').join('  ')));
  }
  if (total > 50) output.out(`and ${total - 50} more`);
  output.out(report.exitCode === 0 ? 'good' : `not good, exit code ${report.exitCode}`);
}

async function prove(
  call: string,
  options: SourceOptions & { out: string },
  { output, ...context }: CliContext,
): Promise<void> {
  const { source, close } = await openSource(options, { output, ...context });
  let proofs = 0;
  try {
    for await (const page of source.entries()) {
      for (const { idx, body } of page) {
        if (!body.includes(`"callId":${JSON.stringify(call)}`)) continue;
        const proof = await said(() => proveRecord(source, idx, body));
        if (proof === undefined)
          throw new GateError('not-found', `record ${idx} is not sealed yet; try again in a second`);
        const file = join(options.out, `${call.replaceAll(/[^A-Za-z0-9-]/g, '_')}-${idx}.tlog-proof`);
        await mkdir(options.out, { recursive: true });
        await writeFile(file, proof);
        output.out(file);
        proofs += 1;
      }
    }
  } finally {
    await close();
  }
  if (proofs === 0) throw new GateError('not-found', 'the log holds no record of this call');
}

function seen(seconds: number | undefined): string {
  return seconds === undefined ? '' : `, by witnesses at ${new Date(seconds * 1000).toISOString()}`;
}
