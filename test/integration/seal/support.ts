import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditLog } from '../../../src/audit/log.ts';
import { systemClock } from '../../../src/core/clock.ts';
import type { DurableBatch } from '../../../src/core/durable-batch.ts';
import { type Sealing, type SealingOptions, startSealing } from '../../../src/seal/sealing.ts';
import { createSigner, generateKey, type Signer } from '../../../src/tlog/note.ts';
import { startWitness, type WitnessServer } from '../../../src/witness/server.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { eventually, intent, openTestLog, outcome, sql } from '../audit/support.ts';

export const origin = 'gate.example/audit';

/** A database with a log that is written, sealed and witnessed, all by the real parts. */
export interface SealedWorld {
  readonly database: TestDatabase;
  readonly folder: string;
  readonly key: string;
  readonly log: Signer;
  readonly reports: string[];
  /** Opens a log whose batches the given sealings are told of. */
  write(...to: Sealing[]): Promise<AuditLog>;
  seal(
    options?: Partial<SealingOptions['settings']> & Pick<Partial<SealingOptions>, 'everyMs' | 'witnessEveryMs'>,
  ): Promise<Sealing>;
  witness(name?: string): Promise<{ readonly server: WitnessServer; readonly signer: Signer; readonly url: string }>;
  /** Runs a statement as a superuser whom no guard stops. */
  tamper(...statements: string[]): Promise<void>;
  close(): Promise<void>;
}

export async function createSealedWorld(): Promise<SealedWorld> {
  const database = await createTestDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'talosgate-seal-'));
  const key = generateKey();
  const log = createSigner(origin, key, 'note');
  const closers: (() => Promise<unknown>)[] = [];
  const reports: string[] = [];
  let states = 0;
  return {
    database,
    folder,
    key,
    log,
    reports,
    write: async (...to) => {
      const onDurable = (batch: DurableBatch): void => {
        for (const sealing of to) sealing.onDurable(batch);
      };
      const opened = await openTestLog(database.writerUrl, { onDurable });
      closers.push(() => opened.close());
      return opened;
    },
    seal: async ({ everyMs = 50, witnessEveryMs = 200, ...settings } = {}) => {
      const sealing = await startSealing({
        settings: { origin, key, state: join(folder, `state-${states++}.json`), witnesses: [], ...settings },
        connection: { url: database.sealerUrl },
        clock: systemClock,
        report: problem => reports.push(problem),
        everyMs,
        witnessEveryMs,
      });
      closers.push(() => sealing.close());
      return sealing;
    },
    witness: async (name = 'witness.example/w1') => {
      const signer = createSigner(name, generateKey(), 'cosignature');
      const server = await startWitness({
        host: '127.0.0.1',
        port: 0,
        signer,
        logs: [log.verifier],
        stateFile: join(folder, `${name.replaceAll('/', '_')}.json`),
        clock: systemClock,
      });
      closers.push(() => server.close());
      return { server, signer, url: `http://127.0.0.1:${server.port}` };
    },
    tamper: async (...statements) => {
      await sql(
        database.adminUrl,
        `BEGIN; ${unguarded} ${statements.map(statement => `${statement};`).join('\n')} ${guarded} COMMIT`,
      );
    },
    close: async () => {
      for (const closer of closers.reverse()) await closer();
      await database.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const tables = ['audit_entry', 'audit_head', 'audit_checkpoint', 'audit_tile', 'audit_leaf_run', 'audit_cosignature'];
const unguarded = `SET LOCAL search_path = talosgate; ${tables.map(table => `ALTER TABLE ${table} DISABLE TRIGGER ALL;`).join(' ')}`;
const guarded = tables.map(table => `ALTER TABLE ${table} ENABLE TRIGGER ALL;`).join(' ');

/** Writes calls with their outcomes, two records each, a few at a time so that several batches come of it. */
export async function writeCalls(log: AuditLog, count: number): Promise<void> {
  for (let at = 0; at < count; at += 8) {
    const some = Array.from({ length: Math.min(8, count - at) }, () => intent());
    await Promise.all(some.map(one => log.append([one])));
    await Promise.all(some.map(one => log.append([outcome(one.callId ?? '')])));
  }
}

/** Waits until every record of the log is sealed, and gives their number. */
export async function sealed(world: Pick<SealedWorld, 'database'>, sealing: Sealing): Promise<number> {
  const size = await records(world);
  await eventually(() => sealing.health().size >= size);
  return size;
}

export async function records({ database }: Pick<SealedWorld, 'database'>): Promise<number> {
  const [row] = await sql<{ size: number }>(database.adminUrl, 'SELECT size FROM talosgate.audit_head');
  return row?.size ?? 0;
}
