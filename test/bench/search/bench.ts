import { openSession } from '../../../src/db/connection.ts';
import { startEmbedded } from '../../../src/db/embedded.ts';
import { ensureLogins } from '../../../src/db/logins.ts';
import { migrate } from '../../../src/db/migrate.ts';
import { generateLog } from './generate.ts';
import { measureSearches, type SearchTimes } from './measure.ts';

/** 95th percentile that every search has to keep, milliseconds. */
const goalMs = 300;

/** Server settings beside the usual ones, for filling only: what is lost in a crash is made again. */
const filling = { max_wal_size: '8GB', fsync: 'off', synchronous_commit: 'off' };

/**
 * `npm run bench -- search [records] [rounds]`: fills a log of so many records (10 million unless said; about 20 minutes
 * and 13 GB), has the search lists made, and times every filter and combination. The log is kept in `.talosgate/bench/`, so
 * the next run only measures.
 */
export async function benchSearch(
  argv: readonly string[],
  folder: string,
  print: (text: string) => void,
): Promise<void> {
  const [records = 10_000_000, rounds = 20] = argv.map(Number);
  if (!(records >= 16_384) || !(rounds >= 1)) throw new Error('search [records, at least 16384] [rounds]');
  const dataDir = `${folder}search-${records}`;
  const logins = {
    writer: { user: 'bench_writer', password: 'bench-writer' },
    reader: { user: 'bench_reader', password: 'bench-reader' },
  };
  const filler = await startEmbedded({ dataDir, parameters: filling });
  try {
    await migrate(filler.adminUrl);
    await ensureLogins(filler.adminUrl, logins);
    await generateLog(filler.adminUrl, records, done => print(`${done} records`));
    await makeLists(filler.adminUrl, print);
  } finally {
    await filler.stop();
  }
  // A server that was just started has nothing in its own memory yet.
  const server = await startEmbedded({ dataDir });
  try {
    const reader = new URL(server.adminUrl);
    reader.username = logins.reader.user;
    reader.password = logins.reader.password;
    const times = await measureSearches(reader.href, rounds);
    print(tableOf(times));
    const slow = times.filter(({ p95 }) => p95 > goalMs);
    print(`\ngoal, p95 of each search below ${goalMs} ms: ${slow.length === 0 ? 'met' : `NOT MET by ${slow.length}`}`);
  } finally {
    await server.stop();
  }
}

async function makeLists(adminUrl: string, print: (text: string) => void): Promise<void> {
  const session = await openSession({ url: adminUrl, queryTimeoutMs: 600_000 });
  try {
    for (let left = 1; left > 0; ) {
      const [row] = await session.query<{ left: number }>('SELECT talosgate.audit_search_step() AS left');
      left = row?.left ?? 0;
      if (left % 50 === 0) print(`${left} segments without lists`);
    }
    for (const table of ['segment', 'term', 'count'])
      await session.query(`VACUUM ANALYZE talosgate.audit_search_${table}`);
  } finally {
    await session.close();
  }
}

function tableOf(times: readonly SearchTimes[]): string {
  const row = (cells: readonly string[]): string =>
    cells.map((cell, at) => (at === 0 ? cell.padEnd(34) : cell.padStart(9))).join('');
  const lines = times.map(({ name, entries, first, p50, p95, max }) =>
    row([name, String(entries), ...[first, p50, p95, max].map(ms => ms.toFixed(1))]),
  );
  return [row(['milliseconds', 'found', 'first', 'p50', 'p95', 'max']), ...lines].join('\n');
}
