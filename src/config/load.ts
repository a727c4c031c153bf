import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { ApprovalSettings } from '../approvals/config.ts';
import type { Clock } from '../core/clock.ts';
import type { FleetSettings } from '../fleet/config.ts';
import type { IdentitySettings } from '../identity/config.ts';
import { coherenceProblems } from './coherence.ts';
import { fillDefaults } from './defaults.ts';
import { explainShape } from './explain.ts';
import { type Materials, readMaterials } from './materials.ts';
import { fileTrouble, resolveNotations, splitAddress } from './notations.ts';
import type { ConfigProblem } from './problem.ts';
import type { ConfigFile } from './schema.ts';
import { type Position, readSource, type Source } from './source.ts';

/** A configuration that was checked through: paths absolute, secrets read, certificates in memory. */
export interface Config {
  /** Absolute path of the file. */
  readonly file: string;
  readonly listen: {
    readonly grpc: { readonly host: string; readonly port: number; readonly tls: Materials['grpc'] };
    readonly http: { readonly host: string; readonly port: number; readonly tls: Materials['http'] };
  };
  readonly identity: IdentitySettings;
  readonly fleet: FleetSettings;
  /** With what the gateway calls the nodes, one entry per cluster. */
  readonly clusters: Materials['clusters'];
  readonly policy: ConfigFile['policy'];
  readonly database: ConfigFile['database'];
  readonly audit: ConfigFile['audit'];
  /** Undefined: the log is not sealed. */
  readonly sealing: ConfigFile['sealing'];
  readonly approvals: ApprovalSettings;
  readonly sessions: ConfigFile['sessions'];
  readonly notifications: ConfigFile['notifications'];
  /** PEM texts of the CA bundles that `ca` keys name, by absolute path. */
  readonly authorities: Materials['authorities'];
  readonly export: ConfigFile['export'];
  readonly log: ConfigFile['log'];
  readonly limits: ConfigFile['limits'];
}

export type ConfigLoad =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly ConfigProblem[] }
  /** Errors first, then warnings. Never empty. */
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

export interface LoadOptions {
  readonly path: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
}

/** Largest configuration file that is read, in characters. */
const maxLength = 4 * 1024 * 1024;

/**
 * Reads and checks a configuration file and everything it names. Never throws: what is wrong comes back as a list,
 * each entry with place and remedy. Shape is judged first; meaning, secrets and files only once the shape is right.
 */
export async function loadConfig({ path, env, clock }: LoadOptions): Promise<ConfigLoad> {
  const file = resolve(path);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
    if (text.length > maxLength) return refuse([wholeFile(path, 'the file is too large', 'split it up')]);
  } catch (cause) {
    const remedy = 'name the configuration file, or make one with: talosgate init DIR';
    return refuse([wholeFile(path, `${file} ${fileTrouble(cause)}`, remedy)]);
  }
  const source = readSource(text);
  if (!('value' in source)) {
    const remedy = 'see https://yaml.org/spec/1.2.2/ for how YAML is written';
    return refuse(source.map(found => ({ severity: 'error', file: path, key: '', remedy, ...found })));
  }
  const filled = fillDefaults(source.value);
  const shape = explainShape(filled);
  if (shape.length > 0) {
    return refuse(
      shape.map(found =>
        at(path, 'error', found, found.onKey ? source.positionOfKey(found.path) : source.positionOf(found.path)),
      ),
    );
  }
  return judge({ path, file, source, filled, env, clock });
}

interface Shaped extends LoadOptions {
  readonly file: string;
  readonly source: Source;
  readonly filled: unknown;
}

async function judge({ path, file, source, filled, env, clock }: Shaped): Promise<ConfigLoad> {
  const resolved = await resolveNotations(filled, { directory: dirname(file), env });
  const value = resolved.value as ConfigFile;
  const { materials, problems: materialProblems } = await readMaterials(value, clock.now());
  const problems: ConfigProblem[] = [...resolved.problems, ...(await coherenceProblems(value))].map(found =>
    at(path, 'error', found, source.positionOf(found.path)),
  );
  for (const found of materialProblems) {
    const place = found.pemFile === undefined ? source.positionOf(found.path) : { line: found.line, column: 1 };
    problems.push(at(found.pemFile ?? path, found.severity, found, place));
  }
  const warnings = problems.filter(problem => problem.severity === 'warning');
  if (warnings.length < problems.length) return refuse(problems);
  return { ok: true, config: toConfig(file, value, materials), warnings };
}

function toConfig(file: string, value: ConfigFile, materials: Materials): Config {
  const { listen, identity, clusters, default_cluster, policy, database, audit, sealing } = value;
  const { approvals, sessions, notifications, log, limits } = value;
  return {
    file,
    listen: {
      grpc: { ...splitAddress(listen.grpc.address), tls: materials.grpc },
      http: { ...splitAddress(listen.http.address), tls: materials.http },
    },
    identity,
    fleet: { clusters, ...(default_cluster === undefined ? {} : { default_cluster }) },
    clusters: materials.clusters,
    policy,
    database,
    audit,
    sealing,
    approvals,
    sessions,
    notifications,
    authorities: materials.authorities,
    export: value.export,
    log,
    limits,
  };
}

function at(
  file: string,
  severity: ConfigProblem['severity'],
  found: { readonly path: readonly (string | number)[]; readonly message: string; readonly remedy: string },
  { line, column }: Position,
): ConfigProblem {
  return { severity, file, line, column, key: found.path.join('.'), message: found.message, remedy: found.remedy };
}

function wholeFile(file: string, message: string, remedy: string): ConfigProblem {
  return { severity: 'error', file, line: 0, column: 0, key: '', message, remedy };
}

/** In the order in which a reader meets them: errors before warnings, then file by file from the top. */
function refuse(problems: readonly ConfigProblem[]): ConfigLoad {
  const rank = (problem: ConfigProblem): number => (problem.severity === 'error' ? 0 : 1);
  const sorted = problems.toSorted(
    (a, b) => rank(a) - rank(b) || a.file.localeCompare(b.file) || a.line - b.line || a.column - b.column,
  );
  return { ok: false, problems: sorted };
}
