// gRPC's own interoperability cases through the data plane (grpc/grpc doc/interop-test-descriptions.md). The gateway
// sends nodes no metadata of callers, on purpose: custom_metadata is the one case whose echo must not come back.
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { RawGrpcClient, statusOfStream } from '../../support/grpc-js.ts';
import {
  echoed,
  interopKinds,
  outputRequest,
  interopPaths as paths,
  payloadMessage,
  readSize,
  simpleRequest,
  startInteropServer,
} from '../../support/interop.ts';
import { type Bridge, createPki, eventually, type Pki, startBridge, targetOf } from './fixture.ts';

let pki: Pki;
const opened: { close(): Promise<unknown> }[] = [];
beforeAll(async () => {
  pki = await createPki();
});
afterAll(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});

async function bridgeTo(port: number): Promise<Bridge> {
  const bridge = await startBridge(pki, targetOf(port), { kinds: interopKinds });
  opened.push(bridge);
  return bridge;
}

describe('interop, grpc-js on both sides', () => {
  const seen: grpc.Metadata[] = [];
  let client: RawGrpcClient;
  let bridge: Bridge;
  beforeAll(async () => {
    const server = await startInteropServer({ ca: pki.nodes.ca, ...pki.node }, seen);
    opened.push(server);
    bridge = await bridgeTo(server.port);
    client = new RawGrpcClient(bridge.listener.port, { ca: pki.clients.ca, ...pki.alice });
    opened.push(client);
  });
  // The connection stays; its streams must not.
  afterEach(() => eventually(() => bridge.listener.streams === 0));

  const largeUnary = async (): Promise<number> =>
    readSize(await client.unary(paths.unary, simpleRequest({ sizes: [314_159], body: 271_828 })));

  /** Everything that came on a stream, and how it ended. */
  async function read(stream: NodeJS.EventEmitter): Promise<{ sizes: number[]; code: number; details: string }> {
    const sizes: number[] = [];
    stream.on('data', (message: Buffer) => sizes.push(readSize(message)));
    const { code, details } = await statusOfStream(stream);
    return { sizes, code, details };
  }

  it('empty_unary', async () => {
    expect(await client.unary(paths.empty, Buffer.alloc(0))).toHaveLength(0);
  });

  it('large_unary', async () => {
    expect(await largeUnary()).toBe(314_159);
  });

  it('client_streaming', async () => {
    const { call, reply } = client.clientStream(paths.input);
    for (const size of [27_182, 8, 1828, 45_904]) call.write(payloadMessage(size));
    call.end();
    expect(readSize(await reply)).toBe(74_922);
  });

  it('server_streaming', async () => {
    const sizes = [31_415, 9, 2653, 58_979];
    expect(await read(client.serverStream(paths.output, outputRequest({ sizes })))).toMatchObject({ sizes, code: 0 });
  });

  it('ping_pong', async () => {
    const call = client.bidi(paths.duplex);
    const ended = statusOfStream(call);
    const pairs = [
      [31_415, 27_182],
      [9, 8],
      [2653, 1828],
      [58_979, 45_904],
    ] as const;
    for (const [size, body] of pairs) {
      const pong = new Promise<Buffer>(resolve => call.once('data', resolve));
      call.write(outputRequest({ sizes: [size], body }));
      expect(readSize(await pong)).toBe(size);
    }
    call.end();
    expect((await ended).code).toBe(0);
  });

  it('empty_stream', async () => {
    const call = client.bidi(paths.duplex);
    call.end();
    expect(await read(call)).toMatchObject({ sizes: [], code: 0 });
  });

  it('timeout_on_sleeping_server', async () => {
    const call = client.bidi(paths.duplex, { deadline: Date.now() + 30 });
    call.write(outputRequest({ body: 27_182 }));
    expect((await read(call)).code).toBe(grpc.status.DEADLINE_EXCEEDED);
  });

  it('cancel_after_begin', async () => {
    const { call, reply } = client.clientStream(paths.input);
    call.on('error', () => undefined);
    // grpc-js 1.14 still opens the stream of a call that was cancelled earlier than this, and never resets it.
    await eventually(() => bridge.listener.streams === 1);
    call.cancel();
    await expect(reply).rejects.toMatchObject({ code: grpc.status.CANCELLED });
  });

  it('cancel_after_first_response', async () => {
    const call = client.bidi(paths.duplex);
    const ended = statusOfStream(call);
    call.write(outputRequest({ sizes: [31_415], body: 27_182 }));
    await new Promise(resolve => call.once('data', resolve));
    call.cancel();
    expect((await ended).code).toBe(grpc.status.CANCELLED);
  });

  it('custom_metadata: the call succeeds, and the node has seen none of it', async () => {
    const metadata = new grpc.Metadata();
    metadata.set(echoed.initial, 'test_initial_metadata_value');
    metadata.set(echoed.trailing, Buffer.from([0xab, 0xab, 0xab]));
    seen.length = 0;
    const reply = await client.unary(paths.unary, simpleRequest({ sizes: [314_159], body: 271_828 }), metadata);
    expect(readSize(reply)).toBe(314_159);
    expect(seen.flatMap(one => [...one.get(echoed.initial), ...one.get(echoed.trailing)])).toEqual([]);
  });

  it.each([
    ['status_code_and_message', 'test status message'],
    ['special_status_message', '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n'],
  ])('%s', async (_case, message) => {
    const status = { code: grpc.status.UNKNOWN, message };
    const refused = client.unary(paths.unary, simpleRequest({ status }));
    await expect(refused).rejects.toMatchObject({ code: grpc.status.UNKNOWN, details: message });
    const call = client.bidi(paths.duplex);
    call.write(outputRequest({ status }));
    call.end();
    expect(await read(call)).toMatchObject({ code: grpc.status.UNKNOWN, details: message });
  });

  it('unimplemented_method, by the node', async () => {
    const call = client.unary(paths.unimplemented, Buffer.alloc(0));
    await expect(call).rejects.toMatchObject({ code: grpc.status.UNIMPLEMENTED });
  });

  it('unimplemented_service, by the gateway, which knows no such method', async () => {
    const call = client.unary(paths.otherService, Buffer.alloc(0));
    await expect(call).rejects.toMatchObject({ code: grpc.status.UNIMPLEMENTED });
  });

  it('rpc_soak', async () => {
    for (let round = 0; round < 20; round += 1) expect(await largeUnary()).toBe(314_159);
    await eventually(() => bridge.listener.streams === 0);
  });
});

/** A folder with `client` and `server` of google.golang.org/grpc/interop (go install …/interop/client@latest …/server@latest). */
const grpcGo = process.env['INTEROP_GRPC_GO'];
if (grpcGo === undefined) {
  process.stdout.write(
    '\nSKIPPED: interop with grpc-go. Name the folder of its client and server in INTEROP_GRPC_GO.\n',
  );
}

describe.skipIf(grpcGo === undefined)('interop, grpc-go on both sides', () => {
  let folder: string;
  let bridge: Bridge;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'talosgate-interop-'));
    opened.push({ close: () => rm(folder, { recursive: true }) });
    await writeFile(join(folder, 'node.crt'), pki.node.certificate);
    await writeFile(join(folder, 'node.key'), pki.node.key);
    await writeFile(join(folder, 'ca.crt'), pki.clients.ca);
    const free = await freePort();
    const certificate = [`--tls_cert_file=${folder}/node.crt`, `--tls_key_file=${folder}/node.key`];
    const server = spawn(`${grpcGo ?? ''}/server`, ['--use_tls', ...certificate, `--port=${free}`], {
      stdio: 'ignore',
    });
    opened.push({
      close: () => {
        server.kill();
        return Promise.resolve();
      },
    });
    bridge = await bridgeTo(free);
    for (let left = 50; left > 0; left -= 1) {
      if ((await run('empty_unary')).code === 0) return;
      await new Promise(resolve => setTimeout(resolve, 100));
    }
  });
  afterEach(() => eventually(() => bridge.listener.streams === 0));

  async function run(name: string): Promise<{ code: number; text: string }> {
    const tls = ['--use_tls', '--use_test_ca', `--ca_file=${folder}/ca.crt`];
    const words = [
      ...tls,
      '--server_host=127.0.0.1',
      '--server_host_override=localhost',
      `--server_port=${bridge.listener.port}`,
    ];
    return await new Promise(resolve => {
      const more = ['--soak_iterations=10', `--test_case=${name}`];
      execFile(`${grpcGo ?? ''}/client`, [...words, ...more], { timeout: 20_000 }, (error, out, text) => {
        resolve({ code: error === null ? 0 : 1, text: `${out}${text}` });
      });
    });
  }

  it.each([
    'empty_unary',
    'large_unary',
    'client_streaming',
    'server_streaming',
    'ping_pong',
    'empty_stream',
    'timeout_on_sleeping_server',
    'cancel_after_begin',
    'cancel_after_first_response',
    'status_code_and_message',
    'special_status_message',
    'unimplemented_method',
    'unimplemented_service',
    'rpc_soak',
  ])('%s', async name => {
    expect(await run(name)).toMatchObject({ code: 0 });
  });

  it('custom_metadata fails, and must: what callers send is not for nodes', async () => {
    const { code, text } = await run('custom_metadata');
    expect(code).toBe(1);
    expect(text).toMatch(/Expected exactly one header from server\. Received 0/);
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  });
}
