import {
  type DebugContainerRunRequest,
  type DebugContainerRunRequestSpec,
  DebugService,
  DebugContainerRunRequestSpec_Profile as Profile,
} from '../../gen/machine/debug_pb.js';
import { bidiStream } from '../handler.ts';
import { chooseInstance } from '../images/image-store.ts';
import type { NodeState } from '../node.ts';
import { SimStatus, unlessAborted } from '../sim-call.ts';
import { canRun, runWorkload } from './shell.ts';
import { createTerminal, type TerminalInput } from './terminal.ts';

type Receive = () => Promise<DebugContainerRunRequest | undefined>;

/** Signals that end a program, and SIGINT, which the terminal handles. */
const interruptSignal = 2;
const hangupStatus = 129;

/**
 * `talosctl debug`: a small shell of our own. The node ends the call only after the client left, as the real one does
 * (talos internal/app/debug).
 */
export const debugHandlers = [
  bidiStream(DebugService.method.containerRun, async (node, receive, send, call) => {
    const spec = await receiveSpec(receive);
    assertRunnable(node, spec);
    const { terminal, input, drained } = createTerminal(spec.tty, stdoutData =>
      send({ resp: { case: 'stdoutData', value: stdoutData } }),
    );
    const gone = new AbortController();
    const killed = Promise.withResolvers<number>();
    const kill = (status: number): void => {
      killed.resolve(status);
      gone.abort();
    };
    const listening = listen(receive, spec.tty, input, kill);
    const signal = AbortSignal.any([call.signal, gone.signal]);
    const workload = { words: spec.args, environment: spec.env };
    const running = runWorkload(node, workload, terminal, signal);
    // A killed program's own failure says nothing that the kill did not.
    running.catch(() => undefined);
    const broken = listening.then(() => new Promise<never>(() => undefined));
    const status = await unlessAborted(Promise.race([running, killed.promise, broken]), call.signal);
    await unlessAborted(drained(), call.signal);
    await send({ resp: { case: 'exitCode', value: status } });
    await listening;
  }),
];

async function receiveSpec(receive: Receive): Promise<DebugContainerRunRequestSpec> {
  const first = await receive();
  if (first === undefined) throw new SimStatus('INVALID_ARGUMENT', 'failed to receive spec: EOF');
  if (first.request.case !== 'spec') throw new SimStatus('INVALID_ARGUMENT', 'expected debug container spec');
  return first.request.value;
}

function assertRunnable(node: NodeState, spec: DebugContainerRunRequestSpec): void {
  if (spec.profile !== Profile.PRIVILEGED && spec.profile !== Profile.HOST_NS) {
    throw new SimStatus('INVALID_ARGUMENT', 'unsupported debug container profile: PROFILE_UNSPECIFIED');
  }
  const instance = chooseInstance(spec.containerd);
  if (node.images.find(instance, spec.imageName) === undefined) {
    throw new SimStatus('NOT_FOUND', `image ${spec.imageName} not found: image "${spec.imageName}": not found`);
  }
  const name = spec.args[0] ?? '/bin/sh';
  if (!canRun(name)) {
    throw new SimStatus(
      'UNKNOWN',
      `failed to start task: failed to create shim task: OCI runtime create failed: exec: "${name}": executable file not found in $PATH`,
    );
  }
}

/** Takes input until the client half-closes; a terminal that loses its user hangs up. Rejects on what no client may send. */
async function listen(
  receive: Receive,
  tty: boolean,
  input: TerminalInput,
  kill: (status: number) => void,
): Promise<void> {
  for (let next = await receive(); next !== undefined; next = await receive()) {
    const { request } = next;
    if (request.case === 'stdinData') input.data(request.value);
    else if (request.case === 'termResize') input.resize(request.value.width, request.value.height);
    else if (request.case !== 'signal') {
      throw new SimStatus(
        'UNKNOWN',
        'debug container: receive loop error: error processing input message: unknown request type',
      );
    } else if (request.value === interruptSignal) input.interrupt();
    else kill(128 + request.value);
  }
  if (tty) kill(hangupStatus);
  else input.end();
}
