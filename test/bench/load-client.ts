// Child process: calls Version over one connection, a fixed number of calls at a time, for a fixed time.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { framePrefixBytes } from '../../src/core/grpc-frame.ts';
import { CallRunner } from './call-runner.ts';
import { childSettings, serveParent } from './child.ts';
import { readCa, readKeyPair } from './pki.ts';
import { quantile } from './statistics.ts';
import { versionReply } from './version-reply.ts';

interface LoadOrder {
  readonly port: number;
  readonly concurrency: number;
  /** Calls before the measured stretch: for so long, and at least so many unless that takes ten times as long. */
  readonly warmUpMs: number;
  readonly warmUpCalls: number;
}

/** What one stretch of load gave. Latencies in microseconds. */
export interface LoadResult {
  readonly calls: number;
  /** Calls that did not bring exactly the expected reply. */
  readonly failures: number;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
}

const { pki } = childSettings() as { readonly pki: string };
const ca = readCa(pki);
const caller = readKeyPair(pki, 'caller');
let running: { readonly socket: TLSSocket; readonly runner: CallRunner; since: number } | undefined;

/** Connects, starts calling and comes back when the warm-up is over; from there it is measured. */
async function start({ port, concurrency, warmUpMs, warmUpCalls }: LoadOrder): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port, ca, ...caller, minVersion: 'TLSv1.3', ALPNProtocols: ['h2'] });
  await once(socket, 'secureConnect');
  socket.setNoDelay(true);
  const runner = new CallRunner(socket, framePrefixBytes + versionReply.length);
  const isWarm = (ms: number): boolean => ms >= warmUpMs && (runner.calls >= warmUpCalls || ms >= 10 * warmUpMs);
  runner.begin(concurrency);
  const begun = performance.now();
  do await sleep(warmUpMs / 10);
  while (!isWarm(performance.now() - begun));
  if (runner.failures > runner.calls / 100)
    throw new Error(`${runner.failures} of the first ${runner.calls} calls failed`);
  runner.reset();
  running = { socket, runner, since: performance.now() };
}

/** Ends the measured stretch and the connection. */
function finish(): LoadResult {
  if (running === undefined) throw new Error('nothing is running');
  const { socket, runner, since } = running;
  running = undefined;
  const seconds = (performance.now() - since) / 1000;
  const latencies = runner.latencies();
  const { calls, failures } = runner;
  runner.stop();
  socket.destroy();
  return { calls, failures, seconds, p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) };
}

serveParent({}, { start, finish });
