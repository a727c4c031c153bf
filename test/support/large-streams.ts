// A gateway process of its own under large and many streams, and what its memory does meanwhile.
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromBinary } from '@bufbuild/protobuf';
import { encodeFrame, FrameSplitter } from '../../src/core/grpc-frame.ts';
import { DataSchema } from '../../src/gen/common/common_pb.js';
import { cp, logsRequest, paths, worker } from './calls.ts';
import { startCli } from './cli.ts';
import { connectH2, field, type H2Call, type H2Client } from './h2-client.ts';
import type { Person, Stack } from './stack.ts';
import { until } from './until.ts';

const mib = 1024 * 1024;

/** Messages of 32 KiB that are read before anything is measured. */
const warmUpMessages = 512;

/** A gateway process on the configuration of a stack. */
export interface OwnGateway {
  /** A connection of its own as somebody. */
  h2(person: Person): Promise<H2Client>;
  /** Resident memory, MiB. */
  rss(): Promise<number>;
  /** Memory in use after a garbage collection, on the heap and outside of it, MiB. */
  live(): Promise<number>;
  /** Sends SIGTERM and gives the exit code. */
  stop(): Promise<number | null>;
}

/** The stack needs log level info: the process says there where it listens. */
export async function startOwnGateway(stack: Stack): Promise<OwnGateway> {
  const memoryFile = join(stack.directory, 'memory');
  await writeFile(memoryFile, '');
  const reporter = new URL('live-memory.ts', import.meta.url).href;
  const run = startCli(['serve', '--config', join(stack.directory, 'talosgate.yaml')], {
    env: { NODE_OPTIONS: `--expose-gc --import=${reporter}`, MEMORY_FILE: memoryFile },
  });
  const said = (): string | undefined => /"grpc":\{[^}]*"port":(\d+)/.exec(run.out)?.[1];
  await until(
    () => said() !== undefined || run.process.exitCode !== null,
    () => run.out,
    60_000,
  );
  const port = Number(said());
  return {
    h2: person => {
      const leaf = stack.secrets.pki.users.get(`${person}@example.com`);
      const ca = stack.secrets.pki.clientCa.certificate;
      return connectH2({ port, ca, certificate: leaf?.certificate, key: leaf?.key });
    },
    rss: async () => {
      const status = await readFile(`/proc/${run.process.pid ?? 0}/status`, 'utf8');
      return Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024);
    },
    live: async () => {
      const reports = async (): Promise<string[]> => (await readFile(memoryFile, 'utf8')).split('\n').slice(0, -1);
      const { length } = await reports();
      run.process.kill('SIGUSR2');
      await until(
        async () => (await reports()).length > length,
        () => 'no report of its memory',
        30_000,
      );
      return Number((await reports())[length]) / mib;
    },
    stop: async () => {
      run.process.kill('SIGTERM');
      return (await run.done).code;
    },
  };
}

export interface StreamFigures extends SnapshotEnd {
  readonly seconds: number;
  /** Memory of the gateway before, and at most while the stream ran. */
  readonly rssMiB: readonly [before: number, most: number];
}

/**
 * Reads a whole etcd snapshot through the gateway and keeps nothing of it. A slow reader stops after every 2 MiB for so
 * many milliseconds.
 */
export async function readSnapshot(gateway: OwnGateway, pauseMs: number): Promise<StreamFigures> {
  const client = await gateway.h2('carol');
  // The first ones pay for connections, compiled code and buffers that stay.
  const first = client.start('/machine.MachineService/EtcdSnapshot', [['node', cp]]);
  first.stream.end(encodeFrame(Buffer.alloc(0)));
  await first.received(warmUpMessages);
  first.cancel();
  const before = await gateway.rss();
  let most = before;
  const watching = setInterval(() => {
    void gateway.rss().then(now => {
      most = Math.max(most, now);
    });
  }, 50);
  const started = performance.now();
  const end = await read(client, pauseMs === 0 ? Infinity : 2 * mib, () => sleep(pauseMs));
  clearInterval(watching);
  await client.close();
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  return { ...end, seconds, rssMiB: [before, most] };
}

export interface StallFigures extends SnapshotEnd {
  /** Memory in use at the gateway before, and while the reader stood still. */
  readonly liveMiB: readonly [before: number, stalled: number];
}

/** Reads an etcd snapshot through the gateway and stops once, in its first half, until the memory of the gateway has come to rest. */
export async function stallSnapshot(gateway: OwnGateway, afterBytes: number): Promise<StallFigures> {
  const client = await gateway.h2('carol');
  await client.unary(paths.version, Buffer.of(), [['node', cp]]);
  const before = await gateway.live();
  let stalled: number | undefined;
  const end = await read(client, afterBytes, async () => {
    stalled ??= await atRest(gateway);
  });
  await client.close();
  if (stalled === undefined) throw new Error('the stream was over before its reader could stop');
  return { ...end, liveMiB: [before, stalled] };
}

/** A gateway that buffers takes in more with every look, until it has everything. */
async function atRest(gateway: OwnGateway): Promise<number> {
  let last = await gateway.live();
  for (let calm = 0; calm < 4; ) {
    await sleep(100);
    const now = await gateway.live();
    calm = now < last + 0.5 ? calm + 1 : 0;
    last = now;
  }
  return last;
}

interface SnapshotEnd {
  readonly mib: number;
  /** etcd's own SHA-256 behind the snapshot fits what came before it. */
  readonly intact: boolean;
  readonly code: number | undefined;
}

/** Reads a whole snapshot, and stands still each time so many bytes have come, until `pause` is over. */
async function read(client: H2Client, every: number, pause: () => Promise<void>): Promise<SnapshotEnd> {
  const stream = client.session.request({
    ':method': 'POST',
    ':path': '/machine.MachineService/EtcdSnapshot',
    'content-type': 'application/grpc',
    te: 'trailers',
    node: cp,
  });
  stream.end(encodeFrame(Buffer.alloc(0)));
  const splitter = new FrameSplitter();
  const sum = createHash('sha256');
  let tail = Buffer.alloc(0);
  let bytes = 0;
  let pausedAt = 0;
  let trailers: string[] = [];
  (stream as NodeJS.EventEmitter).on('trailers', (_headers: object, _flags: number, raw: string[]) => {
    trailers = raw;
  });
  await new Promise((resolve, reject) => {
    stream.on('data', (chunk: Buffer) => {
      for (const { payload } of splitter.push(chunk)) {
        const data = Buffer.concat([tail, fromBinary(DataSchema, payload).bytes]);
        bytes += data.length - tail.length;
        tail = data.subarray(Math.max(0, data.length - 32));
        sum.update(data.subarray(0, data.length - tail.length));
      }
      if (bytes - pausedAt < every) return;
      pausedAt = bytes;
      stream.pause();
      pause().then(() => stream.resume(), reject);
    });
    stream.on('close', resolve);
    stream.on('error', reject);
  });
  const code = field(trailers, 'grpc-status');
  return {
    mib: Math.round(bytes / mib),
    intact: sum.digest().equals(tail),
    code: code === undefined ? undefined : Number(code),
  };
}

export interface FollowFigures {
  readonly followed: number;
  /** Until every one of them had two messages. */
  readonly seconds: number;
  /** Streams at the node while they ran, and after the callers had gone. */
  readonly upstream: readonly [during: number, after: number];
  readonly rssMiB: readonly [before: number, most: number];
}

/** Follows so many logs at once over a few connections, waits until each has lines, and goes away without a word. */
export async function followLogsAtOnce(stack: Stack, gateway: OwnGateway, count: number): Promise<FollowFigures> {
  const { control } = stack.nodes.worker;
  const clients = await Promise.all(Array.from({ length: 4 }, () => gateway.h2('alice')));
  for (const client of clients) await client.unary(paths.version, Buffer.of(), [['node', worker]]);
  const before = await gateway.rss();
  const started = performance.now();
  const request = logsRequest({ namespace: 'system', id: 'kubelet', follow: true, tailLines: 1 });
  const follow = (at: number): H2Call => {
    const client = clients[at % clients.length];
    if (client === undefined) throw new Error('no client');
    const call = client.start(paths.logs, [['node', worker]]);
    call.send(request);
    call.stream.end();
    return call;
  };
  const calls: H2Call[] = [];
  // Not all in one breath: the simulated node shares a process with this test, and must be seen to be alive.
  while (calls.length < count) {
    const batch = Array.from({ length: Math.min(100, count - calls.length) }, (_, at) => follow(calls.length + at));
    for (const call of batch) await hears(call, 1);
    calls.push(...batch);
  }
  for (const call of calls) await hears(call, 2);
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  const during = control.openStreams();
  const most = await gateway.rss();
  for (const client of clients) await client.close();
  await until(
    () => control.openStreams() === 0,
    () => `${control.openStreams()} streams are left`,
    10_000,
  );
  await sleep(100);
  return { followed: count, seconds, upstream: [during, control.openStreams()], rssMiB: [before, most] };
}

async function hears(call: H2Call, messages: number): Promise<void> {
  try {
    await call.received(messages);
  } catch (error) {
    const { code, message } = await call.reply;
    throw new Error(`${String(error)}: ${String(code)} ${message}`, { cause: error });
  }
}
