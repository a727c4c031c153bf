import { ContainerDriver } from '../gen/common/common_pb.js';
import { MachineService } from '../gen/machine/machine_pb.js';
import { chunksOf } from './chunks.ts';
import { serverStream, unary } from './handler.ts';
import type { LineLog } from './line-log.ts';
import type { NodeState } from './node.ts';
import { type SimCall, SimStatus } from './sim-call.ts';

/** `talosctl logs`, its completion, and `talosctl dmesg`. */
export const logHandlers = [
  serverStream(MachineService.method.logs, async (node, request, send, call) => {
    const log = findLog(node, request.namespace, request.id, request.driver);
    const count = request.tailLines >= 0 ? request.tailLines : undefined;
    const sendLines = async (lines: readonly string[]): Promise<void> => {
      for (const bytes of chunksOf(Buffer.from(lines.map(line => `${line}\n`).join('')))) await send({ bytes });
    };
    if (request.follow) await followLog(log, count, call, sendLines);
    else await sendLines(log.tail(count));
  }),
  serverStream(MachineService.method.dmesg, async (node, request, send, call) => {
    const sendLines = async (lines: readonly string[]): Promise<void> => {
      for (const line of lines) await send({ bytes: Buffer.from(`${line}\n`) });
    };
    if (request.follow) await followLog(node.kernelLog, request.tail ? 0 : undefined, call, sendLines);
    else await sendLines(request.tail ? [] : node.kernelLog.tail());
  }),
  unary(MachineService.method.logsContainers, node => ({ messages: [{ ids: [...node.serviceLogs.keys()].sort() }] })),
];

async function followLog(
  log: LineLog,
  count: number | undefined,
  call: SimCall,
  send: (lines: readonly string[]) => Promise<void>,
): Promise<void> {
  for await (const lines of log.follow(count, call.signal)) await send(lines);
}

/** The id `kubelet` means the service in any namespace, as on a real node. */
function findLog(node: NodeState, namespace: string, id: string, driver: ContainerDriver): LineLog {
  if (namespace === 'system' || id === 'kubelet') {
    const log = node.serviceLogs.get(id);
    if (log === undefined) throw new SimStatus('UNKNOWN', `log "${id}" was not registered`);
    return log;
  }
  if (namespace === '') throw new SimStatus('INVALID_ARGUMENT', "namespace can't be empty");
  if (driver === ContainerDriver.CRI && namespace !== 'k8s.io') {
    throw new SimStatus('UNKNOWN', 'CRI inspector is supported only for K8s namespace');
  }
  const log = namespace === 'k8s.io' ? node.containerLogs.get(id) : undefined;
  if (log === undefined) throw new SimStatus('UNKNOWN', `container "${id}" not found`);
  return log;
}
