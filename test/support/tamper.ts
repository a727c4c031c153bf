import type { Session } from '../../src/db/connection.ts';
import { firstRecordOf } from '../../src/tlog/tiles.ts';

/** What stands in a sealed log before anything is changed. */
export interface Standing {
  readonly records: number;
  readonly checkpoints: readonly { readonly size: number; readonly previous: number }[];
  readonly tiles: readonly { readonly level: number; readonly n: number }[];
  readonly cosigned: readonly number[];
  readonly columns: readonly { readonly name: string; readonly type: string }[];
}

/** One change, and the first record that a verifier has to name. */
export interface Change {
  readonly what: string;
  readonly statements: readonly string[];
  readonly index: number;
}

const checked = [`idx`, `leaf`, `body`, `db_ts`];

export async function readStanding(session: Session): Promise<Standing> {
  const [count] = await session.query<{ records: number }>('SELECT count(*) AS records FROM talosgate.audit_entry');
  const columns = await session.query<{ name: string; type: string }>(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
     WHERE attrelid = 'talosgate.audit_entry'::regclass AND attnum > 0 AND NOT attisdropped`,
  );
  return {
    records: count?.records ?? 0,
    checkpoints: await session.query('SELECT size, previous FROM talosgate.audit_checkpoint ORDER BY size'),
    tiles: await session.query('SELECT level, n FROM talosgate.audit_tile ORDER BY level, n'),
    cosigned: (await session.query<{ size: number }>('SELECT size FROM talosgate.audit_cosignature ORDER BY size')).map(
      row => row.size,
    ),
    columns: columns.filter(({ name }) => !checked.includes(name)),
  };
}

/** Takes every guard off for good: what only a superuser can. */
export async function removeGuards(session: Session): Promise<void> {
  const tables = ['audit_entry', 'audit_checkpoint', 'audit_leaf_run', 'audit_tile', 'audit_cosignature', 'audit_head'];
  for (const table of tables) await session.query(`ALTER TABLE talosgate.${table} DISABLE TRIGGER ALL`);
  const rows = await session.query<{ name: string; parent: string }>(
    `SELECT conname AS name, conrelid::regclass::text AS parent FROM pg_constraint
     WHERE contype = 'c' AND conislocal AND coninhcount = 0 AND conrelid IN (
       'talosgate.audit_entry'::regclass, 'talosgate.audit_checkpoint'::regclass, 'talosgate.audit_leaf_run'::regclass)`,
  );
  for (const { name, parent } of rows) await session.query(`ALTER TABLE ${parent} DROP CONSTRAINT ${name}`);
}

type Pick = (below: number) => number;

/** A random change; `pick` gives a number from 0 up to (not including) its argument. */
export function randomChange(at: Standing, pick: Pick): Change {
  const kinds = [
    column,
    column,
    column,
    bodyOnly,
    leafOnly,
    rewritten,
    deleted,
    inserted,
    swapped,
    moved,
    tile,
    checkpoint,
    cosignature,
    leafRun,
  ];
  return (kinds[pick(kinds.length)] ?? column)(at, pick);
}

const one = <T>(list: readonly T[], pick: Pick): T => {
  const found = list[pick(list.length)];
  if (found === undefined) throw new Error('nothing to choose from');
  return found;
};
const entry = (set: string, index: number): string => `UPDATE talosgate.audit_entry SET ${set} WHERE idx = ${index}`;
const flip = (name: string, byte: number): string =>
  `${name} = set_byte(${name}, ${byte}, get_byte(${name}, ${byte}) # 1)`;

function column(at: Standing, pick: Pick): Change {
  const { name, type } = one(at.columns, pick);
  const index = pick(at.records);
  const other: Readonly<Record<string, string>> = {
    text: `coalesce("${name}", '') || 'x'`,
    integer: `coalesce("${name}", 0) + 1`,
    bigint: `coalesce("${name}", 0) + 1`,
    boolean: `NOT "${name}"`,
    uuid: `gen_random_uuid()`,
    jsonb: `CASE WHEN "${name}" IS NULL THEN '["x"]'::jsonb ELSE NULL END`,
    'timestamp with time zone': `"${name}" + interval '1 microsecond'`,
  };
  const value = other[type];
  if (value === undefined) throw new Error(`no change for a column of type ${type}`);
  return { what: `column ${name} of ${index}`, statements: [entry(`"${name}" = ${value}`, index)], index };
}

function bodyOnly(at: Standing, pick: Pick): Change {
  const index = pick(at.records);
  return { what: `body of ${index}`, statements: [entry(flip('body', 20 + pick(60)), index)], index };
}

function leafOnly(at: Standing, pick: Pick): Change {
  const index = pick(at.records);
  return { what: `leaf of ${index}`, statements: [entry(flip('leaf', pick(32)), index)], index };
}

/** Body, leaf hash and column agree with one another. */
function rewritten(at: Standing, pick: Pick): Change {
  const index = pick(at.records);
  const statement = `UPDATE talosgate.audit_entry SET body = b, leaf = sha256('\\x00'::bytea || b), mono_us = mono_us + 1 FROM (
    SELECT convert_to(replace(convert_from(body, 'UTF8'), '"mono":"' || mono_us || '"', '"mono":"' || mono_us + 1 || '"'), 'UTF8') AS b
    FROM talosgate.audit_entry WHERE idx = ${index}) AS changed WHERE idx = ${index}`;
  return { what: `rewritten ${index}`, statements: [statement], index };
}

function deleted(at: Standing, pick: Pick): Change {
  const index = pick(at.records);
  return { what: `deleted ${index}`, statements: [`DELETE FROM talosgate.audit_entry WHERE idx = ${index}`], index };
}

function inserted(at: Standing, pick: Pick): Change {
  const copied = pick(at.records);
  const index = at.records + pick(3);
  const names = ['leaf', 'body', ...at.columns.map(({ name }) => `"${name}"`)].join(', ');
  const statements = [
    `INSERT INTO talosgate.audit_entry (idx, ${names}) SELECT ${index}, ${names} FROM talosgate.audit_entry WHERE idx = ${copied}`,
    ...(pick(2) === 0 ? [`UPDATE talosgate.audit_head SET size = ${index + 1}`] : []),
  ];
  // A place left free before it is the first thing that is wrong.
  return { what: `inserted ${copied} at ${index}`, statements, index: at.records };
}

function swapped(at: Standing, pick: Pick): Change {
  const one = pick(at.records - 1);
  const other = one + 1 + pick(at.records - 1 - one);
  const statements = [entry('idx = 1000000', one), entry(`idx = ${one}`, other), entry(`idx = ${other}`, 1_000_000)];
  return { what: `swapped ${one} and ${other}`, statements, index: one };
}

function moved(at: Standing, pick: Pick): Change {
  const index = pick(at.records);
  return { what: `moved ${index} to the end`, statements: [entry(`idx = ${at.records + 5}`, index)], index };
}

function tile(at: Standing, pick: Pick): Change {
  const { level, n } = one(at.tiles, pick);
  const where = `WHERE level = ${level} AND n = ${n}`;
  if (pick(3) === 0) {
    return {
      what: `tile ${level}/${n} deleted`,
      statements: [`DELETE FROM talosgate.audit_tile ${where}`],
      index: firstRecordOf(level, n, 0),
    };
  }
  const position = pick(256);
  return {
    what: `tile ${level}/${n}, hash ${position}`,
    statements: [`UPDATE talosgate.audit_tile SET ${flip('hashes', position * 32 + pick(32))} ${where}`],
    index: firstRecordOf(level, n, position),
  };
}

function checkpoint(at: Standing, pick: Pick): Change {
  const { size, previous } = one(at.checkpoints, pick);
  const set = (what: string): string => `UPDATE talosgate.audit_checkpoint SET ${what} WHERE size = ${size}`;
  const changes: readonly (readonly [string, string])[] = [
    ['root', set(flip('root', pick(32)))],
    ['note', set(`note = replace(note, E'\\n${size}\\n', E'\\n${size + 1}\\n')`)],
    [
      'signature',
      set(
        `note = overlay(note placing (CASE substr(note, length(note) - 20, 1) WHEN 'A' THEN 'B' ELSE 'A' END) from length(note) - 20 for 1)`,
      ),
    ],
    ['origin in its note', set(`note = 'x' || note`)],
    ['previous', set('previous = previous + 1')],
    ['all of it', `DELETE FROM talosgate.audit_checkpoint WHERE size = ${size}`],
  ];
  const [what, statement] = one(changes, pick);
  return { what: `checkpoint of ${size}: ${what}`, statements: [statement], index: previous };
}

function cosignature(at: Standing, pick: Pick): Change {
  const size = one(at.cosigned, pick);
  const index = at.checkpoints.find(found => found.size === size)?.previous ?? 0;
  const place = 30 + pick(60);
  const statement = `UPDATE talosgate.audit_cosignature SET line = overlay(line placing
    (CASE substr(line, ${place}, 1) WHEN 'A' THEN 'B' ELSE 'A' END) from ${place} for 1) WHERE size = ${size}`;
  return { what: `cosignature of ${size}`, statements: [statement], index };
}

function leafRun(at: Standing, pick: Pick): Change {
  const { size, previous } = one(at.checkpoints, pick);
  const where = `WHERE first = ${previous}`;
  if (pick(3) === 0) {
    return {
      what: `leaf run ${previous} deleted`,
      statements: [`DELETE FROM talosgate.audit_leaf_run ${where}`],
      index: previous,
    };
  }
  const position = pick(size - previous);
  return {
    what: `leaf run ${previous}, hash ${position}`,
    statements: [`UPDATE talosgate.audit_leaf_run SET ${flip('leaves', position * 32 + pick(32))} ${where}`],
    index: previous + position,
  };
}
