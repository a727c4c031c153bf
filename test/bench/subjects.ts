import { join } from 'node:path';
import type { SubjectSettings } from './child.ts';
import { type Child, startChild } from './children.ts';
import type { BenchDatabase } from './database.ts';
import type { Subject } from './subject.ts';
import type { SubjectName } from './subject-names.ts';
import type { AppSettings } from './subjects/app.ts';
import type { GatewaySettings } from './subjects/gateway.ts';
import { startNginx } from './subjects/nginx.ts';

export interface SubjectContext {
  /** Folder of this run. */
  readonly folder: string;
  readonly settings: SubjectSettings;
  readonly upstream: Child;
  /** Undefined when no subject of the run records. */
  readonly database: BenchDatabase | undefined;
  readonly profiled: ReadonlySet<SubjectName>;
}

export function profilePath(folder: string, name: SubjectName): string {
  return join(folder, `${name}.cpuprofile`);
}

/** Starts one subject and waits until it can be called. */
export async function startSubject(name: SubjectName, context: SubjectContext): Promise<Subject> {
  const { settings, upstream, folder } = context;
  switch (name) {
    case 'direct':
      return ofChild(upstream, { keep: true });
    case 'nginx':
      return await startNginx(settings, join(folder, 'nginx'));
    case 'bare':
      return ofChild(await start(name, new URL('./subjects/bare-relay.ts', import.meta.url), settings, context));
    case 'grpc-js':
      return ofChild(await start(name, new URL('./subjects/grpc-js-relay.ts', import.meta.url), settings, context));
    case 'full': {
      const { writerUrl, readerUrl } = databaseOf(context);
      const app: AppSettings = { ...settings, writerUrl, readerUrl };
      return ofChild(await start(name, new URL('./subjects/app.ts', import.meta.url), app, context));
    }
    case 'naive':
    case 'no-audit': {
      const naiveUrl = name === 'naive' ? databaseOf(context).adminUrl : undefined;
      const gateway: GatewaySettings = { ...settings, naiveUrl };
      return ofChild(await start(name, new URL('./subjects/gateway.ts', import.meta.url), gateway, context));
    }
  }
}

function databaseOf({ database }: SubjectContext): BenchDatabase {
  if (database === undefined) throw new Error('a subject that records needs a database');
  return database;
}

async function start(name: SubjectName, module: URL, settings: unknown, context: SubjectContext): Promise<Child> {
  const { folder, profiled } = context;
  const profile = [
    '--cpu-prof',
    '--cpu-prof-interval=500',
    `--cpu-prof-dir=${folder}`,
    `--cpu-prof-name=${name}.cpuprofile`,
  ];
  // As `npm start` and the container image start it.
  const own = name === 'full' ? ['--max-semi-space-size=64'] : [];
  return await startChild({ module, settings, nodeOptions: profiled.has(name) ? [...own, ...profile] : own });
}

function ofChild(child: Child, { keep = false } = {}): Subject {
  return {
    port: Number(child.ready['port']),
    cpuSeconds: async () => (await child.ask('usage')) as number,
    stop: () => (keep ? Promise.resolve() : child.stop()),
  };
}
