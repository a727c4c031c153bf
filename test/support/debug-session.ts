import { create } from '@bufbuild/protobuf';
import type { DemoClient } from '../../src/cli/demo/check-client.ts';
import { ContainerDriver, ContainerdNamespace } from '../../src/gen/common/common_pb.js';
import {
  DebugContainerRunRequestSchema,
  DebugContainerRunRequestSpec_Profile,
  DebugContainerRunRequestSpecSchema,
  type DebugContainerRunResponse,
  DebugContainerRunResponseSchema,
  DebugContainerTerminalResizeSchema,
} from '../../src/gen/machine/debug_pb.js';
import { ImageServicePullRequestSchema, ImageServicePullResponseSchema } from '../../src/gen/machine/image_pb.js';
import { paths, worker } from './calls.ts';
import { until } from './until.ts';

/** The fields of a spec that talosctl fills in. */
export interface DebugSpec {
  readonly containerd: { readonly driver: ContainerDriver; readonly namespace: ContainerdNamespace };
  readonly imageName: string;
  readonly profile: DebugContainerRunRequestSpec_Profile;
  readonly tty: boolean;
  readonly args: string[];
  readonly env: Record<string, string>;
}

/** What a stock `talosctl debug IMAGE` asks for. */
export function debugSpec(imageName: string, more: Partial<DebugSpec> = {}): DebugSpec {
  return {
    containerd: { driver: ContainerDriver.CONTAINERD, namespace: ContainerdNamespace.NS_SYSTEM },
    imageName,
    profile: DebugContainerRunRequestSpec_Profile.PRIVILEGED,
    tty: true,
    args: [],
    env: {},
    ...more,
  };
}

/** Pulls by tag, as `talosctl debug` does first; gives the name by digest that the node answers. */
export async function pullImage(
  client: DemoClient,
  imageRef = 'docker.io/library/alpine:3.22',
  node = worker,
): Promise<string> {
  const answer = await client.serverStream(
    '/machine.ImageService/Pull',
    { node },
    ImageServicePullRequestSchema,
    { containerd: { namespace: ContainerdNamespace.NS_SYSTEM }, imageRef },
    ImageServicePullResponseSchema,
    () => false,
  );
  const name = answer.replies.flatMap(({ response }) => (response.case === 'name' ? [response.value] : [])).at(-1);
  if (name === undefined) throw new Error(`no image: ${answer.code} ${answer.message}`);
  return name;
}

/** A debug container as its user sees it. */
export class DebugSession {
  text = '';
  exitCode: number | undefined;
  /** gRPC status, once the call has ended. */
  status: number | undefined;
  message = '';
  readonly #stream: ReturnType<typeof openStream>;

  constructor(client: DemoClient, spec: DebugSpec, node = worker) {
    this.#stream = openStream(client, node);
    this.#stream.on('data', (reply: DebugContainerRunResponse) => {
      if (reply.resp.case === 'stdoutData') this.text += Buffer.from(reply.resp.value).toString('utf8');
      if (reply.resp.case === 'exitCode') this.exitCode = reply.resp.value;
    });
    this.#stream.on('error', (error: Error & { code?: number; details?: string }) => {
      this.status ??= error.code ?? 2;
      this.message = error.details ?? error.message;
    });
    this.#stream.on('end', () => {
      this.status ??= 0;
    });
    this.sendSpec(spec);
  }

  sendSpec(spec: DebugSpec): void {
    const value = create(DebugContainerRunRequestSpecSchema, spec);
    this.#stream.write(create(DebugContainerRunRequestSchema, { request: { case: 'spec', value } }));
  }

  type(text: string): void {
    const request = { case: 'stdinData', value: Buffer.from(text) } as const;
    this.#stream.write(create(DebugContainerRunRequestSchema, { request }));
  }

  resize(width: number, height: number): void {
    const value = create(DebugContainerTerminalResizeSchema, { width, height });
    this.#stream.write(create(DebugContainerRunRequestSchema, { request: { case: 'termResize', value } }));
  }

  signal(signal: number): void {
    this.#stream.write(create(DebugContainerRunRequestSchema, { request: { case: 'signal', value: signal } }));
  }

  halfClose(): void {
    this.#stream.end();
  }

  /** What talosctl does after the exit code. */
  leave(): void {
    this.#stream.cancel();
  }

  /** Waits for text on the screen. */
  async shows(text: string | RegExp): Promise<void> {
    await until(
      () => (typeof text === 'string' ? this.text.includes(text) : text.test(this.text)),
      () => `${String(text)} in: ${this.#story()}`,
    );
  }

  async ends(): Promise<number> {
    await until(
      () => this.status !== undefined,
      () => `an end of: ${this.#story()}`,
    );
    return this.status ?? -1;
  }

  async exits(): Promise<number> {
    await until(
      () => this.exitCode !== undefined,
      () => `an exit code in: ${this.#story()}`,
    );
    return this.exitCode ?? -1;
  }

  /** Types a reason and gives the id of the request that was raised for it. */
  async raise(reason = 'kubelet is stuck'): Promise<string> {
    await this.shows('reason>');
    this.type(`${reason}\r`);
    return await this.requestId();
  }

  /** Id of the request that the screen names. */
  async requestId(): Promise<string> {
    await this.shows(/request dbg-[2-9a-z]+ (raised|is open already)/);
    return /request (dbg-[2-9a-z]+) /.exec(this.text)?.[1] ?? '';
  }

  #story(): string {
    return `${JSON.stringify(this.text)}, exit ${String(this.exitCode)}, status ${String(this.status)} ${this.message}`;
  }
}

function openStream(
  client: DemoClient,
  node: string,
): ReturnType<typeof client.bidi<typeof DebugContainerRunRequestSchema, typeof DebugContainerRunResponseSchema>> {
  return client.bidi(paths.containerRun, { node }, DebugContainerRunRequestSchema, DebugContainerRunResponseSchema);
}
