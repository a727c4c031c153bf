import { isIPv4, isIPv6 } from 'node:net';

/**
 * First and last address of a network in CIDR notation, or of a single address, as hexadecimal text that sorts as addresses
 * do: 8 digits for IPv4, 32 for IPv6. An IPv4 address written as IPv6 counts as IPv4. Undefined for anything else.
 */
export function networkKeys(text: string): { readonly from: string; readonly to: string } | undefined {
  const [address = '', length, more] = text.trim().split('/');
  const bytes = bytesOf(address);
  if (bytes === undefined || more !== undefined) return undefined;
  if (length !== undefined && !/^\d{1,3}$/.test(length)) return undefined;
  const mapped = isIPv6(address) && bytes.length === 4 ? 96 : 0;
  const bits = length === undefined ? bytes.length * 8 : Number(length) - mapped;
  if (bits < 0 || bits > bytes.length * 8) return undefined;
  const first = bytes.map((byte, at) => byte & mask(bits - at * 8));
  const last = bytes.map((byte, at) => (byte & mask(bits - at * 8)) | (~mask(bits - at * 8) & 0xff));
  return { from: hex(first), to: hex(last) };
}

/** The bits of one byte that belong to the network when so many from its start on do. */
function mask(bits: number): number {
  const kept = Math.min(Math.max(bits, 0), 8);
  return (0xff << (8 - kept)) & 0xff;
}

function hex(bytes: readonly number[]): string {
  return Buffer.from(bytes).toString('hex');
}

function bytesOf(address: string): number[] | undefined {
  if (isIPv4(address)) return address.split('.').map(Number);
  const plain = address.replace(/%.*$/, '');
  if (!isIPv6(plain)) return undefined;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)?.[1];
  if (mapped !== undefined) return mapped.split('.').map(Number);
  const [front = '', back] = plain.split('::');
  const head = groupsOf(front);
  const tail = groupsOf(back ?? '');
  const gap = back === undefined ? 0 : 8 - head.length - tail.length;
  const all = [...head, ...Array.from({ length: gap }, () => 0), ...tail];
  return all.flatMap(group => [group >> 8, group & 0xff]);
}

/** The 16-bit groups of a part of an IPv6 address; an IPv4 address at its end stands for two. */
function groupsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap(group => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [(a << 8) | b, (c << 8) | d];
  });
}
