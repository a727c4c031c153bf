import { createAuditReader } from '../../../src/audit/query.ts';
import type { AuditFilter } from '../../../src/core/audit-entry.ts';
import { createPool } from '../../../src/db/pool.ts';
import { quantile } from '../statistics.ts';

/** How long one kind of search took, in milliseconds. */
export interface SearchTimes {
  readonly name: string;
  readonly entries: number;
  /** The first time in this run, before anything like it. */
  readonly first: number;
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
}

const day = 86_400_000;

/** Every filter alone, frequent and rare; combinations that meet often, seldom and never; both directions; deep pages. */
function searches(now: number): [string, AuditFilter, { after?: string; before?: string }][] {
  const some: [string, AuditFilter][] = [
    ['nothing', {}],
    ['who, frequent', { principal: 'machine:ci-0' }],
    ['who, rare', { principal: 'person-239@example.com' }],
    ['who, prefix', { principal: 'person-1*' }],
    ['group', { group: 'team-7' }],
    ['node', { node: 'node-299' }],
    ['cluster', { cluster: 'lab' }],
    ['method', { method: '/machine.MachineService/ApplyConfiguration' }],
    ['action prefix', { action: 'config.*' }],
    ['risk', { risk: 'shell' }],
    ['resource', { resource: 'config.apply/thing-1999' }],
    ['resource prefix', { resource: 'config.apply/thing-19*' }],
    ['decision', { decision: 'deny' }],
    ['rule, rare', { rule: 'policies/policy.csv:59' }],
    ['code', { grpcCode: 14 }],
    ['end cause', { endCause: 'deadline' }],
    ['kind', { kinds: ['call.deny'] }],
    ['address', { peer: '10.3.9.149' }],
    ['network', { peer: '10.1.2.0/24' }],
    ['a digest that does not occur', { digests: [`k1:${'0'.repeat(64)}`] }],
    ['a value that does not occur', { node: 'node-none' }],
    ['an hour, 45 days ago', { since: now - 45 * day, until: now - 45 * day + 3_600_000 }],
    ['an hour, denied', { since: now - 45 * day, until: now - 45 * day + 3_600_000, decision: 'deny' }],
    ['two frequent that never meet', { decision: 'deny', grpcCode: 0 }],
    ['two frequent that seldom meet', { principal: 'person-239@example.com', node: 'node-299' }],
    [
      'six at once',
      {
        principal: 'person-*',
        cluster: 'lab',
        risk: 'read',
        kinds: ['call.intent'],
        peer: '10.0.0.0/8',
        group: 'operators',
      },
    ],
    [
      'six at once, nothing found',
      {
        principal: 'machine:*',
        cluster: 'lab',
        risk: 'read',
        kinds: ['call.outcome'],
        endCause: 'deadline',
        grpcCode: 0,
      },
    ],
  ];
  return [
    ...some.map(([name, filter]): [string, AuditFilter, object] => [name, filter, {}]),
    ['denied, from the start', { decision: 'deny' }, { after: '-1' }],
    ['denied, page in the middle', { decision: 'deny' }, { before: '5000000' }],
    ['seldom meet, from the start', { principal: 'person-239@example.com', node: 'node-299' }, { after: '-1' }],
  ];
}

/** Times every search `rounds` times, one after the other, with a reader's login. Pages of 50. */
export async function measureSearches(readerUrl: string, rounds: number): Promise<readonly SearchTimes[]> {
  const pool = createPool({ url: readerUrl, max: 1, queryTimeoutMs: 60_000 });
  const reader = createAuditReader(pool);
  const timed = async (work: () => Promise<number>, name: string): Promise<SearchTimes> => {
    const times: number[] = [];
    let entries = 0;
    for (let round = 0; round <= rounds; round += 1) {
      const started = performance.now();
      entries = await work();
      times.push(performance.now() - started);
    }
    const [first = Number.NaN, ...warm] = times;
    const sorted = warm.toSorted((a, b) => a - b);
    return {
      name,
      entries,
      first,
      p50: quantile(sorted, 0.5),
      p95: quantile(sorted, 0.95),
      max: sorted.at(-1) ?? first,
    };
  };
  try {
    const newest = (await reader.list({}, { limit: 1 }))[0]?.time ?? 0;
    const out: SearchTimes[] = [];
    for (const [name, filter, page] of searches(newest)) {
      out.push(await timed(async () => (await reader.list(filter, { limit: 50, ...page })).length, name));
    }
    for (const days of [1, 90]) {
      out.push(
        await timed(async () => (await reader.stats(newest - days * day, newest, 20)).calls, `counts over ${days} d`),
      );
    }
    return out;
  } finally {
    await pool.close();
  }
}
