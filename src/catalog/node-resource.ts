import { GateError } from '../core/gate-error.ts';
import type { FieldReader, Read } from './field-reader.ts';
import { encodeSegment } from './segment.ts';

/** `debug/privileged`, `debug/host-ns` or `debug/unspecified`. Both profiles are root on the node (talos debug.go). */
export function debugResource(fields: FieldReader): Read<string> {
  const profile = fields.text('spec.profile');
  return message => `debug/${encodeSegment(profile(message).replace(/^profile-/, ''))}`;
}

/**
 * `reset/partitions/<labels>` and `reset/user-disks/<disks>`, sorted and joined by `+`, where the node touches only
 * those; `reset/all` for everything else, combinations that the node refuses included. A partition list with nothing to
 * wipe in it names `-`: it is no request to wipe all (talos v1alpha1_server.go, Reset).
 */
export function resetResource(fields: FieldReader): Read<string> {
  const mode = fields.text('mode');
  const disks = fields.strings('user_disks_to_wipe');
  const partitions = fields.list('system_partitions_to_wipe', item => {
    const label = item.string('label');
    const wipe = item.bool('wipe');
    return spec => ({ label: label(spec), wipe: wipe(spec) });
  });
  return message => {
    const [listed, named, onlyDisks] = [partitions(message), disks(message), mode(message) === 'user-disks'];
    if (onlyDisks && listed.length === 0) return `reset/user-disks/${joined(named)}`;
    if (onlyDisks || listed.length === 0 || named.length > 0) return 'reset/all';
    return `reset/partitions/${joined(listed.filter(spec => spec.wipe).map(spec => spec.label))}`;
  };
}

/** `power/shutdown` or `power/shutdown-force`, which skips cordon and drain and the leave of etcd. */
export function shutdownResource(fields: FieldReader): Read<string> {
  const force = fields.bool('force');
  return message => (force(message) ? 'power/shutdown-force' : 'power/shutdown');
}

/**
 * `credentials/<roles>`, sorted and joined by `+`. The node trims white space off roles (talos role.Parse), so a role
 * that holds anything but letters, digits and `:._-` is refused: a rule would not recognise it.
 */
export function mintResource(fields: FieldReader): Read<string> {
  const roles = fields.strings('roles');
  return message => {
    const asked = roles(message);
    if (asked.every(role => /^[A-Za-z0-9:._-]+$/.test(role))) return `credentials/${joined(asked)}`;
    throw new GateError(
      'denied',
      'a role to issue a certificate for holds letters, digits and ":", ".", "_", "-" only',
    );
  };
}

/** `disk/<device>`, one for each device that is to be wiped. */
export function wipeResource(fields: FieldReader): Read<readonly string[]> {
  const devices = fields.list('devices', item => item.string('device'));
  return message => {
    const named = devices(message);
    return (named.length === 0 ? [''] : named).map(name => `disk/${device(name)}`);
  };
}

/** `<prefix>/<device>` with the whole device path as one segment. */
export function deviceResource(prefix: string): (fields: FieldReader, argument: string) => Read<string> {
  return (fields, argument) => {
    const read = fields.string(argument);
    return message => `${prefix}/${device(read(message))}`;
  };
}

/** `health`, or `health/named-nodes` when the caller chooses the hosts that the node connects to. */
export function healthResource(fields: FieldReader): Read<string> {
  const controlPlane = fields.strings('cluster_info.control_plane_nodes');
  const workers = fields.strings('cluster_info.worker_nodes');
  const endpoint = fields.string('cluster_info.force_endpoint');
  return message => {
    const named = controlPlane(message).length > 0 || workers(message).length > 0 || endpoint(message) !== '';
    return named ? 'health/named-nodes' : 'health';
  };
}

/** One segment out of several values. A `+` inside a value becomes `%2B`, so that it does not look like two. */
function joined(values: readonly string[]): string {
  const segments = [...new Set(values)].map(value => encodeSegment(value).replaceAll('+', '%2B'));
  return segments.length === 0 ? '-' : segments.sort().join('+');
}

function device(name: string): string {
  const odd = name
    .split('/')
    .slice(1)
    .some(part => part === '' || part === '.' || part === '..');
  if (odd || /^\.{1,2}(?:\/|$)/.test(name))
    throw new GateError('denied', 'a device must be named without ".", ".." and "//"');
  return encodeSegment(name);
}
