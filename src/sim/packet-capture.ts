import { MachineService } from '../gen/machine/machine_pb.js';
import { serverStream } from './handler.ts';
import type { NodeState } from './node.ts';
import { pause, SimStatus } from './sim-call.ts';

const linkTypeEthernet = 1;
const defaultSnapLength = 4096;

/** `talosctl pcap`: a capture of pings that goes on until the caller stops it. */
export const captureHandlers = [
  serverStream(MachineService.method.packetCapture, async (node, request, send, call) => {
    if (request.interface !== 'eth0' && request.interface !== 'lo') {
      throw new SimStatus('NOT_FOUND', `interface "${request.interface}" not found`);
    }
    await send({ bytes: fileHeader(request.snapLen || defaultSnapLength) });
    const interval = node.settings.logRate > 0 ? 1000 / node.settings.logRate : 1000;
    for (let sequence = 1; ; sequence += 1) {
      await send({ bytes: packet(node, sequence) });
      await pause(interval, call.signal);
    }
  }),
];

/** Global header of a pcap file, microseconds, little-endian (draft-ietf-opsawg-pcap). */
function fileHeader(snapLength: number): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(snapLength, 16);
  header.writeUInt32LE(linkTypeEthernet, 20);
  return header;
}

function packet(node: NodeState, sequence: number): Buffer {
  const frame = ping(node.settings.address, sequence);
  const header = Buffer.alloc(16);
  const now = node.clock.now();
  header.writeUInt32LE(Math.floor(now / 1000), 0);
  header.writeUInt32LE((now % 1000) * 1000, 4);
  header.writeUInt32LE(frame.length, 8);
  header.writeUInt32LE(frame.length, 12);
  return Buffer.concat([header, frame]);
}

/** An ICMP echo request from the node to its gateway, with correct sums. */
function ping(address: string, sequence: number): Buffer {
  const from = address.split('.').map(Number);
  const to = [...from.slice(0, 3), 1];
  const ethernet = Buffer.from([0x02, 0x42, ...to, 0x02, 0x42, ...from, 0x08, 0x00]);
  const icmp = Buffer.alloc(16);
  icmp.writeUInt8(8, 0);
  icmp.writeUInt16BE(0x5447, 4);
  icmp.writeUInt16BE(sequence & 0xffff, 6);
  icmp.writeUInt16BE(checksum(icmp), 2);
  const ip = Buffer.from([0x45, 0, 0, 36, 0, 0, 0, 0, 64, 1, 0, 0, ...from, ...to]);
  ip.writeUInt16BE(checksum(ip), 10);
  return Buffer.concat([ethernet, ip, icmp]);
}

/** RFC 1071. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
