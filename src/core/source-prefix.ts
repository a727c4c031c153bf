import { isIPv4, isIPv6 } from 'node:net';

/**
 * The network that an address stands for when sources are counted: /24 of IPv4, /56 of IPv6, which is what one customer
 * usually has at will. `unknown` for anything that is no address.
 */
export function sourcePrefix(address: string): string {
  const plain = address.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/i, '');
  if (isIPv4(plain)) return `${plain.slice(0, plain.lastIndexOf('.'))}.0/24`;
  if (!isIPv6(plain)) return 'unknown';
  const [front = '', back] = plain.split('::');
  const head = groupsOf(front);
  const tail = groupsOf(back ?? '');
  const all = back === undefined ? head : [...head, ...zeros(8 - head.length - tail.length), ...tail];
  const [a = 0, b = 0, c = 0, d = 0] = all;
  return `${[a, b, c, d & 0xff00].map(group => group.toString(16)).join(':')}::/56`;
}

/** An embedded IPv4 address stands for two groups, the last ones, which do not matter here. */
function groupsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap(group => (group.includes('.') ? [0, 0] : [Number.parseInt(group, 16)]));
}

function zeros(count: number): number[] {
  return Array.from({ length: Math.max(0, count) }, () => 0);
}
