import type { AuditRecord } from '../../core/audit-record.ts';
import type { Queryable } from '../../db/query.ts';
import type { DigestKeys } from '../digest-keys.ts';
import { changesBetween } from './compare.ts';
import { hashOf, type RedactedConfig, type RedactedValue, redactConfig } from './redact.ts';

const last = { name: 'audit.config.last', text: 'SELECT talosgate.audit_config_last($1, $2) AS tree' };
const seen = { name: 'audit.config.seen', text: 'SELECT talosgate.audit_config_seen($1, $2, $3, $4, $5)' };

/** Longest wait for what was seen last; without it, the record says that nothing could be compared. */
const lastMs = 1_000;

/** A node whose configuration is to be changed. */
export interface ConfigTarget {
  readonly cluster: string;
  readonly node: string;
}

/** Remembers, redacted, the configuration that each node was last given, and says what a new one changes. */
export interface ConfigHistory {
  /** Takes a configuration apart. Never throws. */
  read(data: Uint8Array): ConfigReading;
}

/** One configuration on its way to one or several nodes. */
export interface ConfigReading {
  /** What its records say about it. Resolves within a second, whatever the database does. */
  describe(target: ConfigTarget): Promise<NonNullable<AuditRecord['details']>>;
  /** The node has taken it, for good: from now on it is what others are compared with. */
  applied(target: ConfigTarget, callId: string): Promise<void>;
}

/** `database` is the gateway's own login: it can ask for and replace redacted trees, and read nothing else. */
export function createConfigHistory(
  database: Queryable,
  keys: DigestKeys,
  report: (problem: string, cause: unknown) => void,
): ConfigHistory {
  return {
    read: data => {
      const config = redactConfig(data, keys);
      if ('unreadable' in config) {
        const details = { config: 'unreadable', why: config.unreadable };
        return { describe: () => Promise.resolve(details), applied: () => Promise.resolve() };
      }
      return {
        describe: target => describe(database, config, target, report),
        applied: async ({ cluster, node }, callId) => {
          const tree = JSON.stringify([...config.values]);
          await database.query(seen, [cluster, node, callId, config.hash, tree]).catch((error: unknown) => {
            report('the configuration of a node could not be remembered', error);
          });
        },
      };
    },
  };
}

async function describe(
  database: Queryable,
  config: RedactedConfig,
  { cluster, node }: ConfigTarget,
  report: (problem: string, cause: unknown) => void,
): Promise<NonNullable<AuditRecord['details']>> {
  const base = { configHash: config.hash };
  try {
    const [row] = await database.query<{ tree: string | null }>(last, [cluster, node], { timeoutMs: lastMs });
    if (row?.tree === null || row?.tree === undefined) {
      const { count, changes } = changesBetween(new Map(), config.values);
      return { ...base, config: 'first seen', count: String(count), changes };
    }
    const before = new Map(JSON.parse(row.tree) as [string, RedactedValue][]);
    const { count, changes } = changesBetween(before, config.values);
    const against = hashOf(before);
    return { ...base, config: count === 0 ? 'unchanged' : 'changed', against, count: String(count), changes };
  } catch (error) {
    report('the last configuration of a node could not be read', error);
    return { ...base, config: 'not compared' };
  }
}
