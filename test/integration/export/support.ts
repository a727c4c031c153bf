import type { AuditLog } from '../../../src/audit/log.ts';
import { createAuditScan } from '../../../src/audit/scan.ts';
import { systemClock } from '../../../src/core/clock.ts';
import type { SinkStatus } from '../../../src/core/export-sink.ts';
import { createPool, type Pool } from '../../../src/db/pool.ts';
import type { SinkSettings } from '../../../src/export/config.ts';
import { type Exports, startExports } from '../../../src/export/exports.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { until } from '../../support/until.ts';
import { openTestLog } from '../audit/support.ts';

/** A log that can be filled, and exports of it. */
export interface ExportBench {
  readonly database: TestDatabase;
  /** Index that the next record will get. */
  size(): Promise<number>;
  /** Adds so many records in one commit each of at most 100. */
  fill(count: number, text?: string): Promise<void>;
  /** Runs sinks with short pauses until they are closed, or the bench is. `host` names the replica. */
  start(sinks: readonly Partial<SinkSettings>[], host?: string, url?: string): Promise<Exports>;
  /** Where a sink stands. */
  status(name: string): Promise<SinkStatus>;
  /** Waits until a sink has got everything. */
  drained(name: string): Promise<void>;
  close(): Promise<void>;
}

export async function openExportBench(): Promise<ExportBench> {
  const database = await createTestDatabase();
  const writer = createPool({ url: database.writerUrl });
  const reader: Pool = createPool({ url: database.readerUrl });
  const scan = createAuditScan(reader);
  const log: AuditLog = await openTestLog(database.writerUrl);
  const running = new Set<Exports>();
  const desk = await startExports({ ...common(), settings: { sinks: [] }, host: 'desk', connection: { url: '' } });
  function common() {
    return { writer, scan, clock: systemClock, version: '1.2.3', report: () => undefined };
  }
  const status = async (name: string): Promise<SinkStatus> => {
    const found = (await desk.list()).find(one => one.name === name);
    if (found === undefined) throw new Error(`no sink ${name} yet`);
    return found;
  };
  return {
    database,
    size: async () => (await scan.bounds()).next,
    fill: async (count, text = 'x') => {
      for (let done = 0; done < count; done += 100) {
        const batch = Math.min(100, count - done);
        await log.append(
          Array.from({ length: batch }, (_, i) => ({
            kind: 'audit.read' as const,
            principal: 'alice@example.com',
            details: { n: String(done + i), text },
          })),
        );
      }
    },
    start: async (sinks, host = 'replica-1', url = database.writerUrl) => {
      const settings = { sinks: sinks.map(sink => ({ name: 'siem', from: 'beginning', timeout: 1_000, ...sink })) };
      const pace = { pollMs: 20, retakeMs: 50, firstMs: 20 };
      const started = await startExports({ ...common(), settings, host, connection: { url }, pace });
      running.add(started);
      return started;
    },
    status,
    drained: async name => {
      await until(
        async () => (await status(name).catch(() => undefined))?.lag === 0,
        async () => JSON.stringify(await desk.list()),
        15_000,
      );
    },
    close: async () => {
      for (const one of running) await one.close();
      await log.close();
      await writer.close();
      await reader.close();
      await database.drop();
    },
  };
}

/** What a receiver has got, by index; the same index must always bring the same record. */
export class Received {
  readonly byIndex = new Map<number, string>();
  deliveries = 0;

  take(index: number, record: string): void {
    const known = this.byIndex.get(index);
    if (known !== undefined && known !== record) throw new Error(`index ${index} came with another record`);
    this.byIndex.set(index, record);
    this.deliveries += 1;
  }

  /** Indexes in order of their number. */
  get indexes(): number[] {
    return [...this.byIndex.keys()].toSorted((a, b) => a - b);
  }
}

/** 0, 1, 2, … below `end`, from `start`. */
export function range(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, i) => start + i);
}
