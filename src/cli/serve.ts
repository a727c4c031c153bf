import type { Command } from 'commander';
import { type Logger, pino } from 'pino';
import { type App, createApp } from '../app.ts';
import type { Config } from '../config/load.ts';
import { migrate } from '../db/migrate.ts';
import { type CliContext, migrationsFolder, untilStopped, version } from './context.ts';
import { requireConfig } from './load.ts';

/** `talosgate serve`: the gateway, until SIGINT or SIGTERM. SIGHUP reads the policies again. */
export function serveCommand(parent: Command, context: CliContext): void {
  parent
    .command('serve')
    .description('run the gateway')
    .option('-c, --config <file>', 'configuration file', 'talosgate.yaml')
    .action(async (options: { config: string }) => {
      const config = await requireConfig(options.config, context);
      const log = createLog(config);
      const app = await startGateway(config, context, log);
      log.info({ grpc: app.grpc, http: app.http }, 'talosgate is up');
      let stopping = false;
      // Stays until the very end: without a listener SIGHUP would end the process in the middle of its last records.
      const reload = (): void => {
        if (!stopping) void app.reloadPolicy().catch((err: unknown) => log.error({ err }, 'reload'));
      };
      process.on('SIGHUP', reload);
      const signal = await untilStopped();
      log.info({ signal }, 'stopping');
      stopping = true;
      await app.close();
      process.removeListener('SIGHUP', reload);
    });
}

/** Applies migrations where the configuration says so, and starts the gateway. */
export async function startGateway(config: Config, context: CliContext, log: Logger): Promise<App> {
  if (config.database.admin_url !== undefined) {
    const { applied, version: schema } = await migrate(config.database.admin_url, migrationsFolder);
    if (applied.length > 0) log.info({ applied, schema }, 'database migrated');
  }
  return await createApp({ config, version, clock: context.clock, log });
}

/** The process log: JSON lines on standard output, never credentials. */
export function createLog(config: Pick<Config, 'log'>): Logger {
  return pino({
    level: config.log.level,
    redact: { paths: ['authorization', '*.authorization', 'headers.authorization'], censor: '[hidden]' },
  });
}
