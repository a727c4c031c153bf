import { stat } from 'node:fs/promises';
import { approvalProblems } from '../approvals/config.ts';
import type { SettingsProblem } from '../core/settings.ts';
import { exportProblems } from '../export/config.ts';
import { fleetProblems } from '../fleet/config.ts';
import { identityProblems } from '../identity/config.ts';
import { notifyProblems } from '../notify/config.ts';
import { sealingProblems } from '../seal/config.ts';
import { sessionProblems } from '../sessions/config.ts';
import { fileTrouble, splitAddress } from './notations.ts';
import type { ConfigFile } from './schema.ts';

/** What the schema cannot say, of every part and between the parts. */
export async function coherenceProblems(config: ConfigFile): Promise<SettingsProblem[]> {
  return [
    ...under('identity', identityProblems(config.identity)),
    ...fleetProblems(config),
    ...under('approvals', approvalProblems(config.approvals)),
    ...under('sealing', sealingProblems(config.sealing)),
    ...under('sessions', await sessionProblems(config.sessions)),
    ...under('notifications', notifyProblems(config.notifications)),
    ...under('export', exportProblems(config.export)),
    ...doorProblems(config),
    ...secretProblems(config),
    ...(await directoryProblems(config.policy.directory)),
    ...(await revokedProblems(config.identity.mtls?.revoked)),
  ];
}

function under(key: string, problems: readonly SettingsProblem[]): SettingsProblem[] {
  return problems.map(problem => ({ ...problem, path: [key, ...problem.path] }));
}

function doorProblems({ listen, identity }: ConfigFile): SettingsProblem[] {
  const problems: SettingsProblem[] = [];
  const { grpc, http } = listen;
  if (identity.mtls !== undefined && grpc.client_ca === undefined) {
    problems.push({
      path: ['identity', 'mtls'],
      message: 'client certificates cannot be verified without a CA',
      remedy: 'set listen.grpc.client_ca to the CA that issues them, or remove identity.mtls',
    });
  }
  if (http.tls === undefined && !http.insecure) {
    problems.push({
      path: ['listen', 'http'],
      message: 'neither tls nor insecure is set',
      remedy: 'set tls; or insecure: true with an address on loopback, behind a proxy that has TLS',
    });
  }
  if (http.tls !== undefined && http.insecure) {
    problems.push({
      path: ['listen', 'http', 'insecure'],
      message: 'this contradicts tls',
      remedy: 'remove one of the two',
    });
  }
  if (http.insecure && !isLoopback(splitAddress(http.address).host)) {
    problems.push({
      path: ['listen', 'http', 'address'],
      message: 'without TLS this door may only be open on loopback',
      remedy: 'use 127.0.0.1 or [::1], or set tls',
    });
  }
  if (splitAddress(grpc.address).port !== 0 && grpc.address === http.address) {
    problems.push({
      path: ['listen', 'http', 'address'],
      message: 'both doors have the same address',
      remedy: 'give one of them another port',
    });
  }
  return problems;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.[0-9]{1,3}){3}$/.test(host);
}

function secretProblems({ database, audit, sealing }: ConfigFile): SettingsProblem[] {
  const problems: SettingsProblem[] = [];
  if (sealing !== undefined && database.sealer_url === undefined) {
    problems.push({
      path: ['sealing'],
      message: 'the log cannot be signed without a database login for it',
      remedy: 'set database.sealer_url to the URL of a login of its own, and run talosgate migrate',
    });
  }
  for (const key of ['url', 'reader_url', 'sealer_url', 'admin_url'] as const) {
    const url = database[key];
    if (url === undefined || url === '' || /^postgres(ql)?:\/\/\S+$/.test(url)) continue;
    problems.push({
      path: ['database', key],
      message: 'the secret is not a postgres:// URL',
      remedy: 'write postgres://user:password@host:port/database?sslmode=verify-full into it',
    });
  }
  const ids = [audit.digest_key_id, ...audit.former_digest_keys.map(former => former.id)];
  const twice = ids.findIndex((id, at) => ids.indexOf(id) < at);
  if (twice > 0) {
    problems.push({
      path: ['audit', 'former_digest_keys', twice - 1, 'id'],
      message: `${ids[twice]} names another key already`,
      remedy: 'give every key a name of its own; the log tells them apart by it',
    });
  }
  if (audit.digest_key !== '' && audit.digest_key.length < 32) {
    problems.push({
      path: ['audit', 'digest_key'],
      message: 'the key is shorter than 32 characters',
      remedy: 'make one with: openssl rand -hex 32',
    });
  }
  return problems;
}

async function directoryProblems(directory: string): Promise<SettingsProblem[]> {
  const path = ['policy', 'directory'];
  const remedy = 'name the folder with model.conf and the rules';
  try {
    const isDirectory = (await stat(directory)).isDirectory();
    return isDirectory ? [] : [{ path, message: `${directory} is not a directory`, remedy }];
  } catch (cause) {
    return [{ path, message: `${directory} ${fileTrouble(cause)}`, remedy }];
  }
}

async function revokedProblems(file: string | undefined): Promise<SettingsProblem[]> {
  if (file === undefined) return [];
  try {
    await stat(file);
    return [];
  } catch (cause) {
    const message = `${file} ${fileTrouble(cause)}`;
    return [{ path: ['identity', 'mtls', 'revoked'], message, remedy: 'make the file; it may be empty' }];
  }
}
