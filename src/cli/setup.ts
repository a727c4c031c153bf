import type { Command } from 'commander';
import { checkConfigCommand } from './check-config.ts';
import { type CliContext, packageRoot } from './context.ts';
import { initCommand } from './init.ts';

/** `talosgate init` and `talosgate check-config`: the way from nothing to a configuration that can be served. */
export function setupCommands(parent: Command, context: CliContext): void {
  parent
    .command('init <directory>')
    .description('write a commented configuration, certificates and the shipped policies')
    .option('--name <name...>', 'DNS names and IP addresses under which talosctl reaches the gateway', [
      'localhost',
      '127.0.0.1',
    ])
    .option('--user <email...>', 'people who get a talosconfig with a client certificate at once', [])
    .action(async (directory: string, options: { name: string[]; user: string[] }) => {
      process.exitCode = await initCommand(
        {
          directory,
          names: options.name,
          users: options.user.map(name => ({ name })),
          policies: `${packageRoot}policies`,
        },
        context,
      );
    });
  parent
    .command('check-config')
    .description('check the configuration and everything it names, without starting anything')
    .option('-c, --config <file>', 'configuration file', 'talosgate.yaml')
    .action(async (options: { config: string }) => {
      process.exitCode = await checkConfigCommand({ config: options.config }, context);
    });
}
