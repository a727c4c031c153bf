import {
  MachineStatusEventSchema,
  PhaseEvent_Action,
  PhaseEventSchema,
  SequenceEvent_Action,
  SequenceEventSchema,
  ServiceStateEvent_Action,
  ServiceStateEventSchema,
  MachineStatusEvent_MachineStage as Stage,
  TaskEvent_Action,
  TaskEventSchema,
} from '../gen/machine/machine_pb.js';
import type { EventLog } from './event-log.ts';
import type { MachineStage } from './machine.ts';
import type { PowerAction } from './power.ts';

/** A phase of a sequence and its tasks, by the names that Talos gives them. */
type Phase = readonly [phase: string, ...tasks: string[]];

const stopping: readonly Phase[] = [
  ['stopServices', 'stopServicesForUpgrade'],
  ['umount', 'unmountPodMounts'],
  ['unmountBind', 'unmountSystemDiskBindMounts'],
  ['unmountSystem', 'unmountEphemeralPartition'],
  ['volumeFinalize', 'teardownVolumeLifecycle'],
  ['stopEverything', 'stopAllServices'],
];

/** Phases before a node goes away (talos internal/app/machined/pkg/runtime/v1alpha1/v1alpha1_sequencer.go). */
export const leaving: Readonly<Record<PowerAction, readonly Phase[]>> = {
  reboot: [['cleanup', 'stopAllPods'], ['dbus', 'stopDBus'], ...stopping, ['reboot', 'reboot']],
  shutdown: [
    ['storeShutdown', 'saveStateEncryptionConfig'],
    ['cleanup', 'stopAllPods'],
    ...stopping,
    ['shutdown', 'shutdown'],
  ],
  reset: [['drain', 'cordonAndDrainNode'], ['cleanup', 'removeAllPods'], ...stopping, ['reset', 'resetSystemDisk']],
  upgrade: [
    ['drain', 'cordonAndDrainNode'],
    ['cleanup', 'removeAllPods'],
    ...stopping,
    ['upgrade', 'upgrade'],
    ['reboot', 'reboot'],
  ],
};

const booting: readonly Phase[] = [
  ['memorySizeCheck', 'memorySizeCheck'],
  ['dbus', 'startDBus'],
  ['ephemeral', 'mountEphemeralPartition'],
  ['startEverything', 'startAllServices'],
];

const stages: Readonly<Record<MachineStage, Stage>> = {
  booting: Stage.BOOTING,
  running: Stage.RUNNING,
  rebooting: Stage.REBOOTING,
  'shutting down': Stage.SHUTTING_DOWN,
  resetting: Stage.RESETTING,
  upgrading: Stage.UPGRADING,
};

/** Tells the watchers that the machine is now in this stage. */
export function publishStage(events: EventLog, stage: MachineStage, ready: boolean, actor = ''): void {
  const unmetConditions = ready ? [] : [{ name: 'services', reason: 'service "kubelet" not running' }];
  events.publish(MachineStatusEventSchema, { stage: stages[stage], status: { ready, unmetConditions } }, actor);
}

export function publishSequence(events: EventLog, sequence: string, action: 'START' | 'STOP', actor = ''): void {
  events.publish(SequenceEventSchema, { sequence, action: SequenceEvent_Action[action] }, actor);
}

/** One phase from start to stop, with its tasks. */
export function publishPhase(events: EventLog, [phase, ...tasks]: Phase, actor = ''): void {
  events.publish(PhaseEventSchema, { phase, action: PhaseEvent_Action.START }, actor);
  for (const task of tasks) {
    events.publish(TaskEventSchema, { task, action: TaskEvent_Action.START }, actor);
    events.publish(TaskEventSchema, { task, action: TaskEvent_Action.STOP }, actor);
  }
  events.publish(PhaseEventSchema, { phase, action: PhaseEvent_Action.STOP }, actor);
}

/** The whole boot up to the point where services start; the machine is not ready yet. */
export function publishBoot(events: EventLog, services: readonly string[]): void {
  publishStage(events, 'booting', false);
  publishSequence(events, 'boot', 'START');
  for (const phase of booting) publishPhase(events, phase);
  for (const service of services) publishService(events, service, 'RUNNING', 'Health check successful', true);
  publishSequence(events, 'boot', 'STOP');
}

/** A change of one service. */
export function publishService(
  events: EventLog,
  service: string,
  action: keyof typeof ServiceStateEvent_Action,
  message: string,
  healthy: boolean,
): void {
  const health = { unknown: false, healthy, lastMessage: '' };
  events.publish(ServiceStateEventSchema, { service, action: ServiceStateEvent_Action[action], message, health });
}
