import { pino } from 'pino';
import { type App, createApp } from '../../src/app.ts';
import type { ClientSettings } from '../../src/cli/client.ts';
import { DemoClient } from '../../src/cli/demo/check-client.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Person, Stack } from './stack.ts';

/** A second gateway on the database of a stack. */
export interface Replica {
  readonly app: App;
  /** grpc-js as somebody, one connection each. */
  as(person: Person): DemoClient;
  /** How somebody reaches the JSON API. */
  api(person: Person): ClientSettings;
  close(): Promise<void>;
}

export async function startReplica(stack: Pick<Stack, 'config' | 'secrets' | 'api'>): Promise<Replica> {
  const log = pino({ level: 'silent' });
  const app = await createApp({ config: stack.config, version: '0.0.0-test', clock: systemClock, log });
  const clients = new Map<Person, DemoClient>();
  return {
    app,
    as: person => {
      const leaf = stack.secrets.pki.users.get(`${person}@example.com`);
      const made =
        clients.get(person) ??
        new DemoClient(`127.0.0.1:${app.grpc.port}`, {
          ca: Buffer.from(stack.secrets.pki.clientCa.certificate),
          certificate: Buffer.from(leaf?.certificate ?? ''),
          key: Buffer.from(leaf?.key ?? ''),
        });
      clients.set(person, made);
      return made;
    },
    api: person => ({ ...stack.api(person), server: `https://127.0.0.1:${app.http.port}` }),
    close: async () => {
      for (const client of clients.values()) client.close();
      await app.close();
    },
  };
}
