import type { Command } from 'commander';

/** Adds the options that say which gateway to ask, and as whom. */
export function withClientOptions(command: Command): Command {
  return command
    .option('--client <file>', 'client file: server, ca, certificate, key or token_file (else TALOSGATE_CLIENT)')
    .option('--server <url>', 'HTTP address of the gateway')
    .option('--ca <file>', 'CA that signed its certificate')
    .option('--certificate <file>', 'your client certificate')
    .option('--key <file>', 'its key')
    .option('--token-file <file>', 'file with your JWT');
}
