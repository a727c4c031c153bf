import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { GateError } from '../core/gate-error.ts';
import type { Member } from '../core/member.ts';
import type { Target } from '../core/target.ts';
import { ListRequestSchema, ListResponseSchema } from '../gen/cosi/resource/state_pb.js';
import type { Channels } from './connections.ts';
import { ownCall } from './own-call.ts';

/** Longest wait for the list, milliseconds; connecting comes before it. */
const timeoutMs = 5000;

/**
 * Asks a node who belongs to its cluster, with the gateway's own credential as os:reader. Rejects with GateError
 * `upstream-unavailable`, `deadline-exceeded`, or `internal` when the answer cannot be read.
 */
export async function listMembers(
  channels: Pick<Channels, 'acquire'>,
  target: Target,
  signal?: AbortSignal,
): Promise<readonly Member[]> {
  const channel = await channels.acquire(target, signal);
  const request = create(ListRequestSchema, { namespace: 'cluster', type: 'Members.cluster.talos.dev' });
  const path = '/cosi.resource.State/List';
  const replies = await ownCall(channel, { path, request: toBinary(ListRequestSchema, request), timeoutMs, signal });
  try {
    return replies.flatMap(reply => {
      const spec = fromBinary(ListResponseSchema, reply).resource?.spec?.protoSpec;
      return spec === undefined ? [] : [readMember(spec)];
    });
  } catch (cause) {
    throw new GateError('internal', `node ${target.node}: its list of members cannot be read`, { cause });
  }
}

/** MemberSpec of talos api/resource/definitions/cluster/cluster.proto; machine types of enums.proto. */
function readMember(spec: Uint8Array): Member {
  const reader = new BinaryReader(spec);
  const addresses: string[] = [];
  let hostname = '';
  let role: Member['role'];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 2 && type === WireType.LengthDelimited) addresses.push(...readAddress(reader.bytes()));
    else if (field === 3 && type === WireType.LengthDelimited) hostname = reader.string();
    else if (field === 4 && type === WireType.Varint) role = roles.get(reader.int32());
    else reader.skip(type, field);
  }
  return { hostname, addresses, role };
}

const roles = new Map<number, 'controlplane' | 'worker'>([
  // The first control-plane node of a cluster may still be called "init".
  [1, 'controlplane'],
  [2, 'controlplane'],
  [3, 'worker'],
]);

/** common.NetIP: 4 or 16 bytes, with a zone behind them for link-local addresses, which lead nowhere from here. */
function readAddress(message: Uint8Array): string[] {
  const reader = new BinaryReader(message);
  const addresses: string[] = [];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field !== 1 || type !== WireType.LengthDelimited) {
      reader.skip(type, field);
      continue;
    }
    const bytes = reader.bytes();
    if (bytes.length === 4) addresses.push(bytes.join('.'));
    if (bytes.length === 16) addresses.push(ipv6(bytes));
  }
  return addresses;
}

function ipv6(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return (hex.match(/.{4}/g) ?? []).map(group => group.replace(/^0{1,3}/, '')).join(':');
}
