import { X509Certificate } from 'node:crypto';
import { createCatalog } from '../catalog/catalog.ts';
import { type Config, loadConfig } from '../config/load.ts';
import { formatProblem } from '../config/problem.ts';
import { GateError } from '../core/gate-error.ts';
import { createIdentity } from '../identity/authenticate.ts';
import { refusalOf } from '../policy/engine.ts';
import { loadPolicy } from '../policy/load.ts';
import { formatRef, type Link } from '../policy/rule.ts';
import type { CliContext } from './context.ts';

/**
 * Checks a configuration and all it names without starting anything: keys, addresses, secrets, certificates, token
 * keys, revocations, policies and their cases. Does not connect anywhere. Gives the exit code.
 */
export async function checkConfigCommand(
  options: { readonly config: string },
  { output, env, clock }: CliContext,
): Promise<number> {
  const load = await loadConfig({ path: options.config, env, clock });
  const problems = load.ok ? load.warnings : load.problems;
  for (const problem of problems) output.error(formatProblem(problem));
  if (!load.ok) {
    const count = problems.filter(problem => problem.severity === 'error').length;
    output.error(`${options.config}: ${count === 1 ? 'one mistake' : `${count} mistakes`}`);
    return 1;
  }
  const identity = await identityTrouble(load.config, clock);
  const { loaded, trouble, people } = await policyState(load.config);
  for (const message of [identity, trouble]) if (message !== undefined) output.error(message);
  if (identity !== undefined || trouble !== undefined) return 1;
  for (const warning of people) output.error(warning);
  for (const line of summary(options.config, load.config, loaded)) output.out(line);
  return 0;
}

/** Opens what identity reads at start: token key files and the revocation list. */
async function identityTrouble(config: Config, clock: CliContext['clock']): Promise<string | undefined> {
  try {
    const identity = await createIdentity(config.identity, clock);
    await identity.close();
    return undefined;
  } catch (thrown) {
    return `identity: ${GateError.from(thrown).message}`;
  }
}

interface PolicyState {
  readonly loaded: string;
  readonly trouble?: string;
  /** Warnings about people of the demo who have roles. */
  readonly people: readonly string[];
}

async function policyState({ policy }: Config): Promise<PolicyState> {
  const loaded = await loadPolicy(policy.directory, createCatalog().actions);
  const refusal = refusalOf(loaded);
  if (refusal !== undefined) return { loaded: '', trouble: `policy in ${policy.directory}:\n${refusal}`, people: [] };
  const { files, revision } = loaded.folder;
  const cases = loaded.policy?.results.length ?? 0;
  return {
    loaded: `${files.length} files, ${cases} cases hold, revision ${revision.slice(0, 12)}`,
    people: (loaded.policy?.links ?? []).filter(isOfDemo).map(demoWarning),
  };
}

/** example.com, .org and .net belong to nobody (RFC 2606), so nobody real has such an address. */
function isOfDemo({ subject }: Link): boolean {
  return /^user:.*@example\.(?:com|org|net)$/i.test(subject);
}

function demoWarning({ ref, subject, role }: Link): string {
  return `${formatRef(ref)}: warning: ${subject} is an example and has ${role}; fine for the demo, else remove the line`;
}

function summary(file: string, config: Config, policy: string): string[] {
  const { grpc, http } = config.listen;
  const { mtls, jwt } = config.identity;
  const ways = [
    ...(mtls === undefined ? [] : ['client certificates']),
    ...jwt.map(entry => `tokens of ${entry.issuer}`),
  ];
  return [
    `${file}: all well`,
    `  grpc      ${address(grpc)}, certificate until ${until(grpc.tls.certificate)}`,
    `  http      ${address(http)}, ${http.tls === undefined ? 'without TLS' : `certificate until ${until(http.tls.certificate)}`}`,
    `  identity  ${ways.join('; ')}`,
    ...config.clusters.map(({ cluster, certificate }) => {
      const nodes = config.fleet.clusters.find(({ name }) => name === cluster)?.nodes.length ?? 0;
      return `  cluster   ${cluster}: ${nodes} nodes, gateway certificate until ${until(certificate)}`;
    }),
    `  policy    ${policy}`,
  ];
}

function address({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function until(pem: string): string {
  return new X509Certificate(pem).validToDate.toISOString().slice(0, 10);
}
