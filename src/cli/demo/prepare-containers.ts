import { access } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { CliContext } from '../context.ts';
import { writeFiles } from '../pki/files.ts';
import { demoNodes } from './layout.ts';
import { makeDemoSecrets, writeDemo } from './prepare.ts';

export interface ContainerOptions {
  readonly directory: string;
  readonly grpcAddress: string;
  readonly httpAddress: string;
  readonly nodesHost: string;
  readonly databaseHost: string;
}

/**
 * Writes the files for a demo whose parts run in containers of their own (docker-compose.yml). Does nothing when they
 * are there: the database keeps the passwords of its first start.
 */
export async function prepareForContainers(options: ContainerOptions, context: CliContext): Promise<void> {
  const directory = resolve(options.directory);
  if (await exists(join(directory, lastFile))) {
    context.output.out(`${directory} is prepared already; remove it to start anew`);
    return;
  }
  const password = (): string => context.clock.random(24).toString('base64url');
  const admin = password();
  const port = options.grpcAddress.split(':').at(-1) ?? '50000';
  const httpPort = options.httpAddress.split(':').at(-1) ?? '8443';
  const secrets = await makeDemoSecrets(context.clock, ['gateway']);
  await writeDemo(
    secrets,
    {
      directory,
      grpcAddress: options.grpcAddress,
      grpcEndpoint: `127.0.0.1:${port}`,
      httpAddress: options.httpAddress,
      httpUrl: `https://127.0.0.1:${httpPort}`,
      dials: Object.fromEntries(demoNodes.map(node => [node.name, `${options.nodesHost}:${node.port}`])),
      databaseUrl: `postgres://talosgate_gateway:${password()}@${options.databaseHost}`,
      readerUrl: `postgres://talosgate_search:${password()}@${options.databaseHost}`,
    },
    context.clock,
  );
  await writeFiles(directory, {
    'secrets/postgres-password': { text: `${admin}\n`, secret: true },
    [lastFile]: { text: `postgres://postgres:${admin}@${options.databaseHost}\n`, secret: true },
  });
  context.output.out(`wrote ${directory}`);
}

/** Written last: where it is missing, an earlier run was cut short and nothing can have used its files yet. */
const lastFile = 'secrets/admin-url';

async function exists(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
}
