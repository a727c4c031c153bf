import { ContainerDriver, ContainerdNamespace } from '../gen/common/common_pb.js';
import { LifecycleService } from '../gen/machine/lifecycle_pb.js';
import { MachineService } from '../gen/machine/machine_pb.js';
import { serverStream, unary } from './handler.ts';
import { randomUuid } from './ids.ts';
import { assertPullable } from './images/image-calls.ts';
import { chooseInstance, type InstanceChoice } from './images/image-store.ts';
import type { NodeState } from './node.ts';
import { pause, type SimCall, SimStatus } from './sim-call.ts';

const busy = new WeakSet<NodeState>();

/** Upgrade by both paths. The old one reboots by itself; after the new one the caller asks for a reboot. */
export const upgradeHandlers = [
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- old talosctl still calls it
  unary(MachineService.method.upgrade, (node, request) => {
    if (request.image === '') {
      throw new SimStatus('UNKNOWN', 'error validating installer image "": invalid reference format');
    }
    assertPullable(request.image);
    const actorId = randomUuid(node.clock);
    node.machine.nextVersion = versionOf(request.image, node.machine.talosVersion);
    node.power.reboot(actorId, 'upgrade');
    return { messages: [{ ack: 'Upgrade request received', actorId }] };
  }),
  serverStream(LifecycleService.method.upgrade, async (node, request, send, call) => {
    const image = installer(node, request.containerd, request.source?.imageName ?? '');
    await exclusively(node, async () => {
      for (const message of progressOf(image)) {
        await say(node, call);
        await send({ progress: { response: { case: 'message', value: message } } });
      }
    });
    node.machine.nextVersion = versionOf(image, node.machine.talosVersion);
    await send({ progress: { response: { case: 'exitCode', value: 0 } } });
  }),
  serverStream(LifecycleService.method.install, (_node, request) => {
    if (request.source === undefined || request.source.imageName === '') {
      return Promise.reject(new SimStatus('INVALID_ARGUMENT', 'installer image name is required'));
    }
    return Promise.reject(new SimStatus('ALREADY_EXISTS', 'machine is already installed'));
  }),
];

function installer(node: NodeState, choice: InstanceChoice | undefined, image: string): string {
  if (image === '') throw new SimStatus('INVALID_ARGUMENT', 'installer image name is required');
  const instance = chooseInstance(
    choice ?? { driver: ContainerDriver.CONTAINERD, namespace: ContainerdNamespace.NS_SYSTEM },
  );
  const found = node.images.find(instance, image);
  if (found === undefined) {
    throw new SimStatus('INTERNAL', `upgrade failed: failed to get image: image "${image}": not found`);
  }
  return found.name;
}

async function exclusively(node: NodeState, work: () => Promise<void>): Promise<void> {
  if (busy.has(node)) {
    throw new SimStatus('FAILED_PRECONDITION', 'another installation/upgrade is already in progress');
  }
  busy.add(node);
  try {
    await work();
  } finally {
    busy.delete(node);
  }
}

function say(node: NodeState, call: SimCall): Promise<void> {
  return pause(node.settings.timing.step, call.signal);
}

function progressOf(image: string): string[] {
  return [
    `running Talos installer ${image}`,
    'verifying system disk /dev/vda',
    'copying boot assets',
    'updating boot entries',
    'installation completed successfully',
  ];
}

/** Version by the tag of the installer image; a digest alone does not tell, so the node stays what it is. */
function versionOf(image: string, current: string): string {
  return /:(v\d+\.\d+\.\d+[^@]*)/.exec(image)?.[1] ?? current;
}
