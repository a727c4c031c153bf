import { parseAllDocuments, stringify } from 'yaml';
import { SimStatus } from '../sim-call.ts';

/** A machine configuration that was read and found acceptable. */
export interface ConfigDocument {
  /** Comments removed, order kept: what the MachineConfig resource shows. */
  readonly text: string;
  /** The v1alpha1 document. */
  readonly main: Readonly<Record<string, unknown>>;
  /** Warnings that the answer repeats. */
  readonly warnings: readonly string[];
}

/** Sections of `machine` that take effect without a reboot (talos v1alpha1_runtime.go CanApplyImmediate). */
const immediateMachine = new Set(
  [
    'ca acceptedCAs time certSANs install network sysfs sysctls logging controlPlane kubelet kernel registries pods',
    'seccompProfiles nodeAnnotations nodeLabels nodeTaints features',
  ].flatMap(line => line.split(' ')),
);

const knownMachine = new Set([
  ...immediateMachine,
  'type',
  'token',
  'disks',
  'files',
  'env',
  'systemDiskEncryption',
  'udev',
  'baseRuntimeSpecOverrides',
]);
const knownTop = new Set(['version', 'debug', 'persist', 'machine', 'cluster']);

/** Reads a configuration as a running node does. Throws INVALID_ARGUMENT with the node's own kind of text. */
export function parseConfig(data: Uint8Array): ConfigDocument {
  const documents = parseYaml(Buffer.from(data).toString('utf8'));
  const main = documents.find(document => !('kind' in document));
  if (main === undefined) throw invalid(noV1alpha1);
  assertKnownKeys(main);
  assertMachineType(main);
  const text = documents.map(document => stringify(document, { indent: 4, lineWidth: 0 })).join('---\n');
  return { text, main, warnings: warningsOf(main) };
}

/** Sections that cannot change without a reboot, as `machine.disks`; empty when everything can. */
export function needsReboot(before: ConfigDocument, after: ConfigDocument): readonly string[] {
  const from = record(before.main['machine']);
  const to = record(after.main['machine']);
  const names = new Set([...Object.keys(from), ...Object.keys(to)]);
  return [...names]
    .filter(name => !immediateMachine.has(name) && JSON.stringify(from[name]) !== JSON.stringify(to[name]))
    .map(name => `machine.${name}`);
}

function warningsOf(main: Readonly<Record<string, unknown>>): string[] {
  const hostname = record(record(main['machine'])['network'])['hostname'];
  return hostname === undefined ? [] : ['.machine.network.hostname is deprecated, use HostnameConfig document'];
}

/** What Go's YAML reader says where ours has a code. */
const goDefault = "could not find expected ':'";
const goComplaints: Readonly<Record<string, string>> = {
  BAD_INDENT: 'did not find expected key',
  TAB_AS_INDENT: 'found character that cannot start any token',
  DUPLICATE_KEY: 'mapping key already defined',
  MISSING_CHAR: 'did not find expected node content',
};

function parseYaml(text: string): Readonly<Record<string, unknown>>[] {
  const parsed = parseAllDocuments(text, { logLevel: 'silent' });
  if (!Array.isArray(parsed)) throw invalid(noV1alpha1);
  return parsed.flatMap(document => {
    const [error] = document.errors;
    if (error !== undefined)
      throw invalid(
        `decode error: yaml: line ${error.linePos?.[0].line ?? 1}: ${goComplaints[error.code] ?? goDefault}`,
      );
    const value: unknown = document.toJS();
    if (value === null) return [];
    if (typeof value !== 'object' || Array.isArray(value)) throw invalid('expected a YAML document at line 1');
    return [record(value)];
  });
}

const noV1alpha1 =
  "the applied machine configuration doesn't contain v1alpha1 config, did you mean to patch the machine config instead?";

function assertKnownKeys(main: Readonly<Record<string, unknown>>): void {
  const machine = record(main['machine']);
  const strangers = Object.entries(main).filter(([key]) => !knownTop.has(key));
  const inside = Object.entries(machine).filter(([key]) => !knownMachine.has(key));
  if (strangers.length + inside.length === 0) return;
  const unknown = {
    ...Object.fromEntries(strangers),
    ...(inside.length > 0 ? { machine: Object.fromEntries(inside) } : {}),
  };
  throw invalid(
    `error decoding document /v1alpha1/ (line 1): unknown keys found during decoding:\n${stringify(unknown, { indent: 4 })}`,
  );
}

function assertMachineType(main: Readonly<Record<string, unknown>>): void {
  const type = record(main['machine'])['type'];
  if (main['cluster'] === undefined) {
    throw invalid('1 error occurred:\n\t* cluster instructions are required\n\n');
  }
  if (type !== 'controlplane' && type !== 'worker') {
    throw invalid(`1 error occurred:\n\t* invalid machine type: ${String(type)}\n\n`);
  }
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function invalid(message: string): SimStatus {
  return new SimStatus('INVALID_ARGUMENT', message);
}
