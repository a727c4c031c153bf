import type { AuditScan } from '../core/audit-line.ts';
import type { Clock } from '../core/clock.ts';
import type { SinkDesk, SinkStatus } from '../core/export-sink.ts';
import { GateError } from '../core/gate-error.ts';
import type { ConnectionSettings } from '../db/connection.ts';
import type { Queryable } from '../db/query.ts';
import type { ExportSettings } from './config.ts';
import { createSink } from './create-sink.ts';
import { forgetSink, readSinks, resumeSink } from './cursor.ts';
import { SinkRunner } from './runner.ts';

/** The receivers of the log while the gateway runs. Nothing here is in the way of a call. */
export interface Exports extends SinkDesk {
  /** The configured sinks as they stood a few seconds ago; for probes and metrics. */
  statuses(): readonly SinkStatus[];
  close(): Promise<void>;
}

export interface ExportsOptions {
  readonly settings: ExportSettings;
  /** Login with the rights of talosgate_writer. */
  readonly connection: ConnectionSettings;
  readonly writer: Queryable;
  readonly scan: AuditScan;
  readonly clock: Clock;
  readonly version: string;
  readonly host: string;
  readonly report: (problem: string) => void;
  /** For tests: pauses in milliseconds. */
  readonly pace?: { readonly pollMs: number; readonly retakeMs: number; readonly firstMs: number } | undefined;
}

const usualPace = { pollMs: 500, retakeMs: 2_000, firstMs: 1_000 };
const longestMs = 60_000;
const statusMs = 5_000;

// The server must notice soon that this host is gone: the lock on a sink hangs on its connection.
const keepAlive = '-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3';

/** Starts one runner for each sink. Rejects with GateError `bad-config` when a file that a sink names cannot be read. */
export async function startExports(options: ExportsOptions): Promise<Exports> {
  const { settings, connection, writer, scan, clock, version, host, report, pace = usualPace } = options;
  const context = { version, host };
  const sinks = await Promise.all(
    settings.sinks.map(async one => ({ name: one.name, from: one.from, sink: await createSink(one, context, clock) })),
  );
  const runners = sinks.map(
    one =>
      new SinkRunner({
        ...one,
        connection: { ...connection, applicationName: `talosgate export ${one.name}`, options: keepAlive },
        scan,
        replica: host,
        clock,
        pollMs: pace.pollMs,
        retakeMs: pace.retakeMs,
        backoff: { firstMs: pace.firstMs, longestMs },
        report,
      }),
  );
  const own = new Set(sinks.map(({ name }) => name));
  let known: readonly SinkStatus[] = [];
  const refresh = async (): Promise<void> => {
    known = (await readSinks(writer)).filter(({ name }) => own.has(name));
  };
  const timer = own.size === 0 ? undefined : setInterval(() => void refresh().catch(() => undefined), statusMs);
  timer?.unref();
  return {
    statuses: () => known,
    list: () => answered(readSinks(writer)),
    resume: (name, skip) => answered(resumeSink(writer, name, skip)),
    forget: name => answered(forgetSink(writer, name)),
    close: async () => {
      clearInterval(timer);
      await Promise.all(runners.map(runner => runner.close()));
    },
  };
}

async function answered<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    throw new GateError('audit-unavailable', 'the database cannot be asked right now; try again shortly', { cause });
  }
}
