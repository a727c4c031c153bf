import { create } from '@bufbuild/protobuf';
import type { Duration } from '@bufbuild/protobuf/wkt';
import {
  type ApplyConfigurationRequest,
  ApplyConfigurationSchema,
  MachineService,
  ApplyConfigurationRequest_Mode as Mode,
} from '../../gen/machine/machine_pb.js';
import { unary } from '../handler.ts';
import type { NodeState } from '../node.ts';
import { SimStatus } from '../sim-call.ts';
import { isAtLeast } from '../versions.ts';
import { type ConfigDocument, needsReboot, parseConfig } from './config-document.ts';
import { unifiedDiff } from './line-diff.ts';

const applied = 'Applied configuration without a reboot';
const appliedWithReboot = 'Applied configuration with a reboot';
const staged = 'Staged configuration to be applied after the next reboot';
const defaultTryMilliseconds = 60_000;
const busy = new WeakSet<NodeState>();
/** Nodes that reboot because of a configuration, by the boot in which they were told to. */
const rebooting = new WeakMap<NodeState, string>();

/** `talosctl apply-config`, `patch mc`, `edit mc`. */
export const applyHandlers = [
  unary(MachineService.method.applyConfiguration, async (node, request) => {
    if (busy.has(node)) {
      throw new SimStatus('FAILED_PRECONDITION', 'another apply configuration is already in progress');
    }
    if (rebooting.get(node) === node.machine.bootId) {
      throw new SimStatus(
        'FAILED_PRECONDITION',
        'configuration was already applied and node is rebooting, cannot apply more configuration changes until next reboot',
      );
    }
    busy.add(node);
    try {
      // A real node takes a moment to validate; callers that race must meet each other here.
      await new Promise(resolve => setTimeout(resolve, 5));
      return { messages: [answer(node, request)] };
    } finally {
      busy.delete(node);
    }
  }),
];

function answer(node: NodeState, request: ApplyConfigurationRequest) {
  if (request.mode !== Mode.TRY) node.config.cancelRevert();
  const config = parseConfig(request.data);
  // Gone in 1.14.
  if (request.mode === Mode.REBOOT && isAtLeast(node.machine.talosVersion, 1, 14)) {
    throw new SimStatus(
      'UNIMPLEMENTED',
      'the REBOOT mode is not supported, please use AUTO or NO_REBOOT modes instead',
    );
  }
  const { mode, details, reason } = plan(node, request.mode, config);
  if (request.dryRun) {
    const diff = unifiedDiff(node.config.active.text, config.text);
    const summary = `Config diff:\n\n${diff === '' ? 'No changes.' : diff}`;
    return create(ApplyConfigurationSchema, {
      mode,
      modeDetails: `Dry run summary:\n${details} (skipped in dry-run).\n${summary}`,
    });
  }
  const tried = carryOut(node, mode, config, request.tryModeTimeout);
  return create(ApplyConfigurationSchema, {
    mode,
    warnings: [...config.warnings],
    modeDetails: details + tried + reason,
  });
}

interface Plan {
  readonly mode: Mode;
  readonly details: string;
  readonly reason: string;
}

function plan(node: NodeState, mode: Mode, after: ConfigDocument): Plan {
  const before = node.config.active;
  // From 1.14 on everything that can be applied at all is applied without a reboot.
  const blockers = isAtLeast(node.machine.talosVersion, 1, 14) ? [] : needsReboot(before, after);
  const obstacle = `this config change can't be applied in immediate mode\ndiff:\n${unifiedDiff(before.text, after.text)}`;
  switch (mode) {
    case Mode.TRY:
    case Mode.NO_REBOOT:
      if (blockers.length > 0) throw new SimStatus('INVALID_ARGUMENT', obstacle);
      return { mode, details: applied, reason: '' };
    case Mode.STAGED:
      return { mode, details: staged, reason: '' };
    case Mode.AUTO:
      return blockers.length > 0
        ? { mode: Mode.REBOOT, details: appliedWithReboot, reason: `: ${obstacle}` }
        : { mode: Mode.NO_REBOOT, details: applied, reason: '' };
    default:
      return { mode, details: appliedWithReboot, reason: '' };
  }
}

/** Changes the node's state; returns what a trial adds to the answer. */
function carryOut(node: NodeState, mode: Mode, config: ConfigDocument, timeout: Duration | undefined): string {
  switch (mode) {
    case Mode.TRY: {
      const milliseconds = timeout === undefined ? defaultTryMilliseconds : toMilliseconds(timeout);
      node.config.try(config, milliseconds);
      return `\nThe config is applied in 'try' mode and will be automatically reverted back in ${goDuration(milliseconds)}`;
    }
    case Mode.NO_REBOOT:
      node.config.apply(config);
      return '';
    case Mode.STAGED:
      node.config.stage(config);
      return '';
    default:
      node.config.stage(config);
      rebooting.set(node, node.machine.bootId);
      node.power.reboot('');
      return '';
  }
}

function toMilliseconds(duration: Duration): number {
  return Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}

/** Go's way to print a duration of whole seconds: 1m0s. */
function goDuration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
