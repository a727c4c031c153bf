import { GateError } from '../../core/gate-error.ts';

/** A call to be asked for: gRPC path and the request as proto3 JSON. */
export interface Asked {
  readonly method: string;
  readonly request: unknown;
}

export interface DebugOptions {
  readonly image: string;
  readonly namespace: string;
  readonly profile: string;
  readonly env: readonly string[];
  readonly tty: boolean;
}

/** What `talosctl debug` sends first (talos cmd/talosctl/cmd/talos/debug.go). */
export function debugRequest(options: DebugOptions & { readonly parameters: readonly string[] }): Asked {
  const env = options.env.map(pair => {
    const at = pair.indexOf('=');
    if (at < 1) throw new GateError('bad-request', `${pair} is no NAME=VALUE`);
    return [pair.slice(0, at), pair.slice(at + 1)];
  });
  return {
    method: '/machine.DebugService/ContainerRun',
    request: {
      spec: {
        containerd: { driver: 'CONTAINERD', namespace: enumName('NS', options.namespace) },
        imageName: options.image,
        args: options.parameters,
        env: Object.fromEntries(env) as unknown,
        profile: enumName('PROFILE', options.profile),
        tty: options.tty,
      },
    },
  };
}

export interface ResetOptions {
  readonly graceful: boolean;
  readonly reboot: boolean;
  readonly systemLabelsToWipe: readonly string[];
  readonly userDisksToWipe: readonly string[];
  readonly wipeMode: string;
}

/** What `talosctl reset` sends (talos cmd/talosctl/cmd/talos/reset.go). */
export function resetRequest(options: ResetOptions): Asked {
  return {
    method: '/machine.MachineService/Reset',
    request: {
      graceful: options.graceful,
      reboot: options.reboot,
      systemPartitionsToWipe: options.systemLabelsToWipe.map(label => ({ label, wipe: true })),
      userDisksToWipe: options.userDisksToWipe,
      mode: enumName('', options.wipeMode),
    },
  };
}

/** `NS` and `system` to `NS_SYSTEM`, as enums of the API are spelled. */
function enumName(prefix: string, text: string): string {
  const name = text.toUpperCase().replaceAll('-', '_');
  return prefix === '' ? name : `${prefix}_${name}`;
}
