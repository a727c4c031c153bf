import { setTimeout as sleep } from 'node:timers/promises';
import { EmptySchema } from '@bufbuild/protobuf/wkt';
import { grpcCodeName } from '../../core/grpc.ts';
import { DataSchema } from '../../gen/common/common_pb.js';
import { GetRequestSchema, GetResponseSchema } from '../../gen/cosi/resource/state_pb.js';
import {
  DebugContainerRunRequestSchema,
  DebugContainerRunRequestSpec_Profile,
  DebugContainerRunResponseSchema,
} from '../../gen/machine/debug_pb.js';
import {
  ApplyConfigurationRequest_Mode,
  ApplyConfigurationRequestSchema,
  ApplyConfigurationResponseSchema,
  LogsRequestSchema,
  VersionResponseSchema,
} from '../../gen/machine/machine_pb.js';
import { type ClientSettings, callApi } from '../client.ts';
import { type Output, table } from '../output.ts';
import { type Answer, DemoClient, type DemoCredential } from './check-client.ts';

/** Everything that a run of the check needs to know about the demo that is up. */
export interface DemoEndpoints {
  readonly gateway: string;
  /** Real address of the first worker, for a direct call beside the one through the gateway. */
  readonly workerDial: string;
  readonly worker: string;
  readonly controlPlane: string;
  readonly nodes: readonly string[];
  /** Certificate credentials by first name; `stranger` has none, `dave` is revoked, `direct` is an os:admin of the nodes. */
  readonly people: Readonly<Record<'alice' | 'bob' | 'carol' | 'dave' | 'stranger' | 'direct', DemoCredential>>;
  readonly tokens: Readonly<Record<'alice' | 'bob' | 'carol', DemoCredential>>;
  readonly api: Readonly<Record<'alice' | 'bob' | 'carol', ClientSettings>>;
  readonly debugImage: string;
}

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
    add('alice', 'version', 'no-such-node', 'deny', await versionOf(alice, { node: 'no-such-node' }, 5));
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

interface Result {
  readonly ok: boolean;
  readonly outcome: string;
  readonly latency?: string;
}

function expect(answer: Answer<unknown>, code: number, and = true, more = ''): Result {
  const name = grpcCodeName(answer.code);
  const text = answer.code === code || answer.message === '' ? '' : `: ${answer.message}`;
  return { ok: answer.code === code && and, outcome: `${name}${text}${more}` };
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

function configText(marker: string): Uint8Array {
  return Buffer.from(
    `version: v1alpha1\nmachine:\n  type: worker\n  sysctls:\n    demo.check: "${marker}"\ncluster: {}\n`,
  );
}

async function applyConfig(client: DemoClient, node: string, code: number, marker = 'x'): Promise<Result> {
  const request = { data: configText(marker), mode: ApplyConfigurationRequest_Mode.NO_REBOOT };
  const path = '/machine.MachineService/ApplyConfiguration';
  return expect(
    await client.unary(path, { node }, ApplyConfigurationRequestSchema, request, ApplyConfigurationResponseSchema),
    code,
  );
}

/** Applies through the gateway and looks at the node itself whether the configuration is really there. */
async function applyAndSee(demo: DemoEndpoints, client: DemoClient): Promise<Result> {
  const marker = String(Date.now());
  const result = await applyConfig(client, demo.worker, 0, marker);
  const direct = new DemoClient(demo.workerDial, demo.people.direct);
  try {
    const stored = await machineConfig(direct, demo.worker);
    const there = stored.replies[0]?.resource?.spec?.yamlSpec.includes(marker) ?? false;
    return {
      ok: result.ok && there,
      outcome: `${result.outcome}, ${there ? 'the node has it' : 'but the node does not have it'}`,
    };
  } finally {
    direct.close();
  }
}

async function unknownMethod(client: DemoClient, node: string): Promise<Result> {
  const path = '/machine.MachineService/OpenShell';
  return expect(await client.unary(path, { node }, EmptySchema, {}, EmptySchema), 12);
}

const containerRun = '/machine.DebugService/ContainerRun';
type DebugStream = ReturnType<typeof openDebug>;

function openDebug(
  demo: DemoEndpoints,
  client: DemoClient,
): ReturnType<typeof client.bidi<typeof DebugContainerRunRequestSchema, typeof DebugContainerRunResponseSchema>> {
  const stream = client.bidi(
    containerRun,
    { node: demo.worker },
    DebugContainerRunRequestSchema,
    DebugContainerRunResponseSchema,
  );
  stream.write({
    $typeName: 'machine.DebugContainerRunRequest',
    request: {
      case: 'spec',
      value: {
        $typeName: 'machine.DebugContainerRunRequestSpec',
        containerd: { $typeName: 'common.ContainerdInstance', driver: 0, namespace: 1 },
        imageName: demo.debugImage,
        args: [],
        env: {},
        profile: DebugContainerRunRequestSpec_Profile.PRIVILEGED,
        tty: true,
      },
    },
  });
  return stream;
}

/** Collects what a debug stream shows, and how it ends. */
class Terminal {
  text = '';
  exitCode: number | undefined;
  status: number | undefined;
  readonly #stream: DebugStream;

  constructor(stream: DebugStream) {
    this.#stream = stream;
    stream.on('data', reply => {
      if (reply.resp.case === 'stdoutData') this.text += Buffer.from(reply.resp.value).toString('utf8');
      if (reply.resp.case === 'exitCode') this.exitCode = reply.resp.value;
    });
    stream.on('error', (error: Error & { code?: number }) => {
      this.status = error.code ?? 2;
    });
    stream.on('end', () => {
      this.status ??= 0;
    });
  }

  type(text: string): void {
    this.#stream.write({
      $typeName: 'machine.DebugContainerRunRequest',
      request: { case: 'stdinData', value: Buffer.from(text) },
    });
  }

  leave(): void {
    this.#stream.cancel();
  }

  async until(done: (terminal: Terminal) => boolean, milliseconds = 10_000): Promise<boolean> {
    const end = Date.now() + milliseconds;
    while (!done(this)) {
      if (Date.now() > end) return false;
      await sleep(20);
    }
    return true;
  }
}

async function refusedDebug(demo: DemoEndpoints, client: DemoClient): Promise<Result> {
  const terminal = new Terminal(openDebug(demo, client));
  await terminal.until(t => t.status !== undefined);
  return { ok: terminal.status === 7, outcome: grpcCodeName(terminal.status ?? 2) };
}

interface SessionStep {
  readonly who: string;
  readonly what: string;
  readonly decision: string;
  readonly result: Result;
}

/** Bob asks, neither he nor alice may agree, carol does, and the container runs. */
async function approvedDebug(
  demo: DemoEndpoints,
  client: DemoClient,
): Promise<{ approvalId: string; steps: SessionStep[] }> {
  const steps: SessionStep[] = [];
  const terminal = new Terminal(openDebug(demo, client));
  await terminal.until(t => t.text.includes('reason>') || t.status !== undefined);
  terminal.type('kubelet is stuck, INC-4711\r');
  const raised = await terminal.until(t => /request dbg-[2-9a-z]{5} raised/.test(t.text) || t.status !== undefined);
  const approvalId = /request (dbg-[2-9a-z]{5}) raised/.exec(terminal.text)?.[1] ?? '';
  steps.push(
    step(
      'bob',
      'debug: waits',
      'approve',
      raised && approvalId !== '',
      approvalId === '' ? lastLine(terminal.text) : approvalId,
    ),
  );
  for (const who of ['bob', 'alice'] as const) {
    const refused = await vote(demo.api[who], approvalId).then(
      () => 'accepted',
      (error: unknown) => (error as Error).message,
    );
    steps.push(step(who, 'approve it', 'deny', refused !== 'accepted', refused === 'accepted' ? refused : 'refused'));
  }
  const agreed = await vote(demo.api.carol, approvalId).then(
    () => 'approved',
    (error: unknown) => (error as Error).message,
  );
  steps.push(step('carol', 'approve it', 'allow', agreed === 'approved', agreed));
  const granted = await terminal.until(t => t.text.includes('approved by carol@example.com'));
  terminal.type('id\r');
  const ran = granted && (await terminal.until(t => t.text.includes('uid=0(root)')));
  terminal.type('exit 0\r');
  const ended = ran && (await terminal.until(t => t.exitCode !== undefined));
  terminal.leave();
  const outcome = ended ? `ran "id", exit code ${terminal.exitCode ?? '?'}` : lastLine(terminal.text);
  steps.push(step('bob', 'debug: runs', 'approve', ended && terminal.exitCode === 0, outcome));
  return { approvalId, steps };
}

async function vote(settings: ClientSettings, id: string): Promise<unknown> {
  return await callApi(settings, 'POST', `/api/v1/approvals/${id}/decision`, {
    verdict: 'approve',
    reason: 'ok, 30 min',
  });
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

function step(who: string, what: string, decision: string, ok: boolean, outcome: string): SessionStep {
  return { who, what, decision, result: { ok, outcome } };
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1)?.slice(0, 100) ?? '';
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
