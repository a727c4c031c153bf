import { MachineService } from '../gen/machine/machine_pb.js';
import { unary } from './handler.ts';

/** Version and hostname: what every tool asks first. */
export const versionHandlers = [
  unary(MachineService.method.version, node => ({
    messages: [
      {
        version: {
          tag: node.machine.talosVersion,
          sha: 'f541ca41',
          built: '',
          goVersion: 'go1.26.4',
          os: 'linux',
          arch: 'amd64',
        },
        platform: { name: 'metal', mode: 'metal' },
        features: { rbac: true },
      },
    ],
  })),
  unary(MachineService.method.hostname, node => ({ messages: [{ hostname: node.settings.name }] })),
];

/** True when a version such as v1.14.0-rc.1 belongs to the given minor line or a later one. */
export function isAtLeast(version: string, major: number, minor: number): boolean {
  const match = /^v?(\d+)\.(\d+)\./.exec(version);
  if (match === null) return false;
  const [own, ownMinor] = [Number(match[1]), Number(match[2])];
  return own > major || (own === major && ownMinor >= minor);
}
