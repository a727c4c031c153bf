import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { grpcCodeName } from '../../core/grpc.ts';
import { ContainerDriver, ContainerdNamespace } from '../../gen/common/common_pb.js';
import {
  DebugContainerRunRequestSchema,
  DebugContainerRunRequestSpec_Profile,
  type DebugContainerRunResponse,
  DebugContainerRunResponseSchema,
} from '../../gen/machine/debug_pb.js';
import { ImageServicePullRequestSchema, ImageServicePullResponseSchema } from '../../gen/machine/image_pb.js';
import { type ClientSettings, callApi } from '../client.ts';
import type { DemoClient } from './check-client.ts';
import { type DemoEndpoints, expect, type Result } from './check-result.ts';

const containerRun = '/machine.DebugService/ContainerRun';
type DebugStream = ReturnType<typeof openDebug>;

/** Pulls the image by tag, as talosctl debug does first, and gives the name by digest that the node answers. */
async function pullDebugImage(demo: DemoEndpoints, client: DemoClient): Promise<{ image: string; result: Result }> {
  const request = { containerd: { namespace: ContainerdNamespace.NS_SYSTEM }, imageRef: demo.debugImage };
  const path = '/machine.ImageService/Pull';
  const node = demo.worker;
  const answer = await client.serverStream(
    path,
    { node },
    ImageServicePullRequestSchema,
    request,
    ImageServicePullResponseSchema,
    () => false,
  );
  const names = answer.replies.flatMap(({ response }) => (response.case === 'name' ? [response.value] : []));
  const image = names.at(-1) ?? '';
  return { image, result: expect(answer, 0, image.includes('@sha256:')) };
}

function openDebug(
  demo: DemoEndpoints,
  client: DemoClient,
  image: string,
): ReturnType<typeof client.bidi<typeof DebugContainerRunRequestSchema, typeof DebugContainerRunResponseSchema>> {
  const stream = client.bidi(
    containerRun,
    { node: demo.worker },
    DebugContainerRunRequestSchema,
    DebugContainerRunResponseSchema,
  );
  const spec = {
    containerd: { driver: ContainerDriver.CONTAINERD, namespace: ContainerdNamespace.NS_SYSTEM },
    imageName: image,
    profile: DebugContainerRunRequestSpec_Profile.PRIVILEGED,
    tty: true,
  };
  stream.write(create(DebugContainerRunRequestSchema, { request: { case: 'spec', value: spec } }));
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
    stream.on('data', (reply: DebugContainerRunResponse) => {
      if (reply.resp.case === 'stdoutData') this.text += Buffer.from(reply.resp.value).toString('utf8');
      if (reply.resp.case === 'exitCode') this.exitCode = reply.resp.value;
    });
    stream.on('error', (error: Error & { code?: number; details?: string }) => {
      this.status = error.code ?? 2;
      this.text += `\n${error.details ?? error.message}`;
    });
    stream.on('end', () => {
      this.status ??= 0;
    });
  }

  type(text: string): void {
    const request = { case: 'stdinData', value: Buffer.from(text) } as const;
    this.#stream.write(create(DebugContainerRunRequestSchema, { request }));
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

/** Somebody without the right is refused at once, and without a request. */
export async function refusedDebug(demo: DemoEndpoints, client: DemoClient): Promise<Result> {
  const terminal = new Terminal(openDebug(demo, client, `docker.io/library/alpine@sha256:${'0'.repeat(64)}`));
  await terminal.until(t => t.status !== undefined);
  return { ok: terminal.status === 7, outcome: grpcCodeName(terminal.status ?? 2) };
}

export interface SessionStep {
  readonly who: string;
  readonly what: string;
  readonly decision: string;
  readonly result: Result;
}

/** Bob asks, neither he nor alice may agree, carol does, and the container runs. */
export async function approvedDebug(
  demo: DemoEndpoints,
  client: DemoClient,
): Promise<{ approvalId: string; steps: SessionStep[] }> {
  const pulled = await pullDebugImage(demo, client);
  const steps: SessionStep[] = [{ who: 'bob', what: 'image pull', decision: 'allow', result: pulled.result }];
  const terminal = new Terminal(openDebug(demo, client, pulled.image));
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
    steps.push(step(who, 'approve it', 'deny', /may not approvals\.decide|somebody else/.test(refused), refused));
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

function step(who: string, what: string, decision: string, ok: boolean, outcome: string): SessionStep {
  return { who, what, decision, result: { ok, outcome } };
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1)?.slice(0, 100) ?? '';
}
