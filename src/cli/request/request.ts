import { type Command, Option } from 'commander';
import { createCatalog } from '../../catalog/catalog.ts';
import { GateError } from '../../core/gate-error.ts';
import { type ApprovalView, oneLine } from '../approval-view.ts';
import { type ClientOptions, callApi, clientSettings } from '../client.ts';
import { withClientOptions } from '../client-options.ts';
import type { CliContext } from '../context.ts';
import { safeText } from '../output.ts';
import { readText } from '../read-file.ts';
import { type Asked, type DebugOptions, debugRequest, type ResetOptions, resetRequest } from './requests.ts';

interface CommonOptions extends ClientOptions {
  readonly node: string;
  readonly cluster?: string;
  readonly reason: string;
  readonly notBefore?: string;
  readonly emergency: boolean;
  readonly confirm?: string;
}

/**
 * `talosgate request …`: asks for an approval before the call is made. Made exactly as the call will be, it is found by
 * the call; anything different is another request.
 */
export function requestCommands(parent: Command, context: CliContext): void {
  const request = parent.command('request').description('ask for approval of a call before making it');
  common(request.command('call', { isDefault: true }).description('any call: talosgate request node.reset --node N'))
    .argument('<action>', 'action such as node.reset, or gRPC path such as /machine.MachineService/Reset')
    .option('--request <json>', 'the request as proto3 JSON, or @FILE', '{}')
    .action((action: string, options: CommonOptions & { request: string }) =>
      send(context, options, { method: methodOf(action), request: jsonOf(options.request) }),
    );
  common(request.command('debug').description('as: talosctl debug IMAGE [PARAMETERS...]'))
    .requiredOption('--image <name@digest>', 'image by digest, as talosctl prints it when it pulls')
    .option('--namespace <name>', 'system or cri', 'system')
    .addOption(new Option('--profile <name>', 'privileged or host-ns').default('privileged'))
    .option('--env <name=value...>', 'environment', [])
    .option('--no-tty', 'without a terminal: for stdin that is a pipe or closed')
    .argument('[parameters...]', 'what the container is started with')
    .action((parameters: string[], options: CommonOptions & DebugOptions) =>
      send(context, options, debugRequest({ ...options, parameters })),
    );
  common(request.command('reset').description('as: talosctl reset'))
    .option('--no-graceful', 'without leaving etcd and cordoning first')
    .option('--reboot', 'reboot afterwards instead of shutting down', false)
    .option('--system-labels-to-wipe <label...>', 'only these partitions', [])
    .option('--user-disks-to-wipe <device...>', 'these disks as well', [])
    .option('--wipe-mode <mode>', 'all, system-disk or user-disks', 'all')
    .action((options: CommonOptions & ResetOptions) => send(context, options, resetRequest(options)));
  common(request.command('apply-config').description('as: talosctl apply-config -f FILE'))
    .requiredOption('-f, --file <file>', 'machine configuration')
    .option('--mode <mode>', 'auto, no-reboot, reboot, staged or try', 'auto')
    .action((options: CommonOptions & { file: string; mode: string }) =>
      send(context, options, {
        method: '/machine.MachineService/ApplyConfiguration',
        request: {
          data: Buffer.from(readText(options.file)).toString('base64'),
          mode: options.mode.toUpperCase().replaceAll('-', '_'),
          tryModeTimeout: '60s',
        },
      }),
    );
}

function common(command: Command): Command {
  return withClientOptions(command)
    .requiredOption('-n, --node <name>', 'node that the call is for')
    .option('--cluster <name>', 'its cluster, where there are several')
    .option('-m, --reason <text>', 'why; approvers and the audit log see it', '')
    .option('--emergency', 'start alone, under review, when nobody answers', false)
    .option('--confirm <node>', 'name of the node again; needed for an emergency')
    .option('--not-before <time>', 'the grant cannot be used before: 2026-11-23T02:00:00Z');
}

async function send({ output, env }: CliContext, options: CommonOptions, asked: Asked): Promise<void> {
  const { node, cluster, reason, notBefore, emergency, confirm } = options;
  const body = { node, reason, ...asked, ...(cluster === undefined ? {} : { cluster }) };
  const start = {
    ...(notBefore === undefined ? {} : { notBefore }),
    ...(emergency ? { emergency, confirm: confirm ?? '' } : {}),
  };
  const answer = await callApi(clientSettings(options, env), 'POST', '/api/v1/approvals', { ...body, ...start });
  const approval = answer as ApprovalView;
  output.out(safeText(oneLine(approval)));
  if (emergency) output.out(`a review of ${approval.id} is open until somebody else closes it`);
  output.out(approval.state === 'pending' ? 'make the call after approval' : 'make the call now');
}

function methodOf(text: string): string {
  const { methods } = createCatalog();
  const found = methods.filter(method => method.action === text || method.path === text);
  const [only, ...others] = found;
  if (only === undefined)
    throw new GateError('bad-request', `${text} is neither an action nor a method; docs/policy.md has a list`);
  if (others.length === 0) return only.path;
  throw new GateError(
    'bad-request',
    `several methods do ${text}; name one: ${found.map(({ path }) => path).join(', ')}`,
  );
}

function jsonOf(text: string): unknown {
  const json = text.startsWith('@') ? readText(text.slice(1)) : text;
  try {
    return JSON.parse(json) as unknown;
  } catch (cause) {
    throw new GateError('bad-request', '--request is no JSON', { cause });
  }
}
