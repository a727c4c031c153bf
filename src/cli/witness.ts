import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { GateError } from '../core/gate-error.ts';
import { createSigner, parseVerifier } from '../tlog/note.ts';
import { startWitness } from '../witness/server.ts';
import { said } from './audit-source.ts';
import { type CliContext, untilStopped } from './context.ts';

interface WitnessOptions {
  readonly name: string;
  readonly key: string;
  readonly state: string;
  readonly log: string[];
  readonly listen: string;
  readonly tlsCertificate?: string;
  readonly tlsKey?: string;
}

/** `talosgate witness`: cosigns what logs have signed, as long as it continues what it saw before. Runs elsewhere. */
export function witnessCommand(parent: Command, context: CliContext): void {
  parent
    .command('witness')
    .description('confirm, on another machine, what a gateway has signed')
    .requiredOption('--name <name>', 'name that it signs under, such as witness.example.com/w1')
    .requiredOption(
      '--key <file>',
      'its private key; make one with: talosgate audit keygen FILE --for-witness --name NAME',
    )
    .requiredOption('--state <file>', 'file in which it remembers; never set this back')
    .requiredOption('--log <vkey...>', 'verifier keys of the logs that it confirms')
    .option('--listen <host:port>', 'where gateways reach it', '127.0.0.1:8450')
    .option('--tls-certificate <file>', 'server certificate, PEM')
    .option('--tls-key <file>', 'its private key, PEM')
    .action(async (options: WitnessOptions) => {
      const server = await said(async () => await open(options, context));
      context.output.out(`listening on ${server.host}:${server.port}`);
      await untilStopped();
      await server.close();
    });
}

async function open(options: WitnessOptions, { output, clock }: CliContext): ReturnType<typeof startWitness> {
  const signer = createSigner(options.name, await readFile(options.key, 'utf8'), 'cosignature');
  const logs = options.log.map(parseVerifier);
  const match = /^\[?([^\]]+)\]?:(\d{1,5})$/.exec(options.listen);
  if (match === null) throw new GateError('bad-request', 'write --listen as host:port');
  const { tlsCertificate, tlsKey } = options;
  const tls =
    tlsCertificate === undefined || tlsKey === undefined
      ? undefined
      : { certificate: await readFile(tlsCertificate, 'utf8'), key: await readFile(tlsKey, 'utf8') };
  output.out(`verifier key: ${signer.verifier.vkey}`);
  return await startWitness({
    host: match[1] ?? '',
    port: Number(match[2]),
    tls,
    signer,
    logs,
    stateFile: options.state,
    clock,
    onAnswer: (status, what) => {
      if (status >= 400) output.error(`${status} ${what}`);
    },
  });
}
