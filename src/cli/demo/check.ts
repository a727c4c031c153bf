import { setTimeout as sleep } from 'node:timers/promises';
import { EmptySchema } from '@bufbuild/protobuf/wkt';
import { parse, parseAllDocuments } from 'yaml';
import { DataSchema } from '../../gen/common/common_pb.js';
import { GetRequestSchema, GetResponseSchema } from '../../gen/cosi/resource/state_pb.js';
import {
  ApplyConfigurationRequest_Mode,
  ApplyConfigurationRequestSchema,
  ApplyConfigurationResponseSchema,
  LogsRequestSchema,
  VersionResponseSchema,
} from '../../gen/machine/machine_pb.js';
import { callApi } from '../client.ts';
import { type Output, table } from '../output.ts';
import { type Answer, DemoClient, type DemoCredential } from './check-client.ts';
import { approvedDebug, refusedDebug } from './check-debug.ts';
import { type DemoEndpoints, expect, type Result } from './check-result.ts';

interface Row {
  readonly who: string;
  readonly what: string;
  readonly node: string;
  readonly decision: string;
  readonly outcome: string;
  readonly latency: string;
  readonly ok: boolean;
}

const version = '/machine.MachineService/Version';

/**
 * Drives the running demo without talosctl and prints one line a call. True when every line is as expected.
 * The built-in client is grpc-js, which shares no code with the gateway's data plane.
 */
export async function checkDemo(demo: DemoEndpoints, output: Output): Promise<boolean> {
  const rows: Row[] = [];
  const add = (who: string, what: string, node: string, decision: string, result: Result): void => {
    rows.push({ who, what, node, decision, outcome: result.outcome, latency: result.latency ?? '', ok: result.ok });
  };
  const alice = new DemoClient(demo.gateway, demo.people.alice);
  const bob = new DemoClient(demo.gateway, demo.people.bob);
  const others = [alice, bob];
  const as = (credential: DemoCredential): DemoClient => {
    const client = new DemoClient(demo.gateway, credential);
    others.push(client);
    return client;
  };
  try {
    add('alice', 'version', demo.worker, 'allow', await versionBeside(demo, alice));
    add(
      'alice (jwt)',
      'version',
      demo.worker,
      'allow',
      await versionOf(as(demo.tokens.alice), { node: demo.worker }, 0),
    );
    add('alice', 'version, 1.13 style', 'all three', 'allow', await versionOfAll(demo, alice));
    add('alice', 'logs -f kubelet', demo.worker, 'allow', await followLogs(alice, demo.worker));
    add('alice', 'get machineconfig', demo.worker, 'deny', expect(await machineConfig(alice, demo.worker), 7));
    add('alice', 'apply-config', demo.worker, 'deny', await applyConfig(alice, demo.worker, 7));
    add('bob', 'apply-config', demo.worker, 'allow', await applyAndSee(demo, bob));
    add('alice', 'version', 'no-such-node', 'deny', await versionOf(alice, { node: 'no-such-node' }, 3));
    add('alice', 'unknown method', demo.worker, 'deny', await unknownMethod(alice, demo.worker));
    add('nobody', 'version', demo.worker, 'deny', await versionOf(as(demo.people.stranger), { node: demo.worker }, 16));
    add(
      'dave (revoked)',
      'version',
      demo.worker,
      'deny',
      await versionOf(as(demo.people.dave), { node: demo.worker }, 16),
    );
    add('alice', 'debug', demo.worker, 'deny', await refusedDebug(demo, alice));
    const session = await approvedDebug(demo, bob);
    for (const step of session.steps) add(step.who, step.what, demo.worker, step.decision, step.result);
    add('carol', 'audit: the debug call', demo.worker, '-', await findInAudit(demo, session.approvalId));
  } finally {
    for (const client of others) client.close();
  }
  const lines = rows.map(row => [
    row.ok ? 'ok' : 'WRONG',
    row.who,
    row.what,
    row.node,
    row.decision,
    row.outcome,
    row.latency,
  ]);
  for (const line of table(['', 'WHO', 'WHAT', 'NODE', 'DECISION', 'OUTCOME', 'ADDED LATENCY'], lines))
    output.out(line);
  const wrong = rows.filter(row => !row.ok).length;
  output.out(
    wrong === 0 ? `all ${rows.length} lines are as expected` : `${wrong} of ${rows.length} lines are not as expected`,
  );
  return wrong === 0;
}

async function versionOf(client: DemoClient, target: { node: string }, code: number): Promise<Result> {
  return expect(await client.unary(version, target, EmptySchema, {}, VersionResponseSchema), code);
}

/** The same call straight to the node and through the gateway, in turns; says how much longer the latter takes. */
async function versionBeside(demo: DemoEndpoints, client: DemoClient): Promise<Result> {
  const direct = new DemoClient(demo.workerDial, demo.people.direct);
  try {
    const times: { direct: number[]; through: number[] } = { direct: [], through: [] };
    let last: Answer<unknown> | undefined;
    for (let round = 0; round < 21; round++) {
      times.direct.push((await direct.unary(version, {}, EmptySchema, {}, VersionResponseSchema)).milliseconds);
      last = await client.unary(version, { node: demo.worker }, EmptySchema, {}, VersionResponseSchema);
      times.through.push(last.milliseconds);
    }
    if (last === undefined) return { ok: false, outcome: 'no answer' };
    const added = median(times.through) - median(times.direct);
    return { ...expect(last, 0), latency: `${added.toFixed(1)} ms (median of 21)` };
  } finally {
    direct.close();
  }
}

async function versionOfAll(demo: DemoEndpoints, client: DemoClient): Promise<Result> {
  const answer = await client.unary(version, { nodes: demo.nodes }, EmptySchema, {}, VersionResponseSchema);
  const hosts = answer.replies.flatMap(reply => reply.messages.map(message => message.metadata?.hostname ?? ''));
  const all = demo.nodes.every(node => hosts.includes(node)) && hosts.length === demo.nodes.length;
  return expect(answer, 0, all, `, ${hosts.length} nodes answered`);
}

async function followLogs(client: DemoClient, node: string): Promise<Result> {
  const request = { namespace: 'system', id: 'kubelet', follow: true, tailLines: 2 };
  const path = '/machine.MachineService/Logs';
  const answer = await client.serverStream(path, { node }, LogsRequestSchema, request, DataSchema, replies => {
    return (
      Buffer.concat(replies.map(reply => reply.bytes))
        .toString('utf8')
        .split('\n').length > 4
    );
  });
  return expect(answer, 0, answer.replies.length > 0, ', followed and left');
}

async function machineConfig(
  client: DemoClient,
  node: string,
): Promise<Answer<{ resource?: { spec?: { yamlSpec: string } } }>> {
  const request = { namespace: 'config', type: 'MachineConfigs.config.talos.dev', id: 'v1alpha1' };
  const answer = await client.unary('/cosi.resource.State/Get', { node }, GetRequestSchema, request, GetResponseSchema);
  return answer as Answer<{ resource?: { spec?: { yamlSpec: string } } }>;
}

async function applyConfig(client: DemoClient, node: string, code: number, text = 'machine: {}\n'): Promise<Result> {
  const request = { data: Buffer.from(text), mode: ApplyConfigurationRequest_Mode.NO_REBOOT };
  const path = '/machine.MachineService/ApplyConfiguration';
  return expect(
    await client.unary(path, { node }, ApplyConfigurationRequestSchema, request, ApplyConfigurationResponseSchema),
    code,
  );
}

/** Changes a kernel setting as talosctl edit does: reads the configuration, writes it back, and looks again. */
async function applyAndSee(demo: DemoEndpoints, client: DemoClient): Promise<Result> {
  const documents = parseAllDocuments(configOf(await machineConfig(client, demo.worker)));
  const marker = String(Date.now());
  for (const document of documents) {
    if (document.has('machine')) document.setIn(['machine', 'sysctls', 'kernel.talosgate_check'], marker);
  }
  const after = documents.map(String).join('---\n');
  const result = await applyConfig(client, demo.worker, 0, after);
  const direct = new DemoClient(demo.workerDial, demo.people.direct);
  try {
    const there = configOf(await machineConfig(direct, demo.worker)).includes(marker);
    const seen = there ? 'the node has it' : 'but the node does not have it';
    return { ok: result.ok && there, outcome: `${result.outcome}, ${seen}` };
  } finally {
    direct.close();
  }
}

/** The configuration inside the resource: its YAML form is one text, which holds the documents. */
function configOf(answer: Answer<{ resource?: { spec?: { yamlSpec: string } } }>): string {
  return String(parse(answer.replies[0]?.resource?.spec?.yamlSpec ?? '') ?? '');
}

async function unknownMethod(client: DemoClient, node: string): Promise<Result> {
  const path = '/machine.MachineService/OpenShell';
  return expect(await client.unary(path, { node }, EmptySchema, {}, EmptySchema), 12);
}

async function findInAudit(demo: DemoEndpoints, approvalId: string): Promise<Result> {
  const wanted = ['approval.requested', 'approval.decided', 'call.intent', 'call.outcome'];
  let found: string[] = [];
  for (let attempt = 0; attempt < 50; attempt++) {
    const answer = (await callApi(demo.api.carol, 'GET', `/api/v1/audit?approval=${approvalId}`)) as {
      entries: { record: { kind: string } }[];
    };
    found = answer.entries.map(entry => entry.record.kind);
    if (wanted.every(kind => found.includes(kind)))
      return { ok: true, outcome: `found ${[...new Set(found)].reverse().join(', ')}` };
    await sleep(100);
  }
  return { ok: false, outcome: `missing ${wanted.filter(kind => !found.includes(kind)).join(', ')}` };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
