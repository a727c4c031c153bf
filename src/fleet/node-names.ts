import { isIPv4, isIPv6 } from 'node:net';

/** How a caller's spelling of a node reads. `key` is equal for all spellings of one name or address. */
export type NodeSpelling =
  | { readonly ok: true; readonly key: string; readonly kind: 'name' | 'ipv4' | 'ipv6' }
  | { readonly ok: false; readonly problem: 'empty' | 'port' | 'zone' | 'malformed' };

/**
 * Reads the name or address of a node in any spelling: letter case and one final dot of a name, IPv6 short or long, in
 * brackets, or holding an IPv4 address (RFC 4291 2.5.5.2). Refuses a port, as apid does, and an IPv6 zone, which
 * means something on the caller's machine only.
 */
export function readNodeSpelling(text: string): NodeSpelling {
  if (text === '') return { ok: false, problem: 'empty' };
  if (isIPv4(text)) return { ok: true, key: text, kind: 'ipv4' };
  const inner = /^\[([^[\]]*)\]$/.exec(text)?.[1];
  const address = inner ?? text;
  if (address.includes('%')) return { ok: false, problem: 'zone' };
  if (isIPv6(address)) return readIPv6(address);
  if (inner !== undefined) return { ok: false, problem: 'malformed' };
  if (/^.+:[0-9]*$/.test(text)) return { ok: false, problem: 'port' };
  return readName(text);
}

function readIPv6(text: string): NodeSpelling {
  // The URL parser writes an IPv6 host in the one form of RFC 5952, an embedded IPv4 address as two groups.
  const host = URL.parse(`http://[${text}]/`)?.hostname.slice(1, -1);
  if (host === undefined) return { ok: false, problem: 'malformed' };
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(host);
  if (mapped === null) return { ok: true, key: host, kind: 'ipv6' };
  const [high, low] = [Number.parseInt(mapped[1] ?? '', 16), Number.parseInt(mapped[2] ?? '', 16)];
  return { ok: true, key: [high >> 8, high & 255, low >> 8, low & 255].join('.'), kind: 'ipv4' };
}

/**
 * DNS names in ASCII; tested before the letters are folded, because other letters fold to ASCII ones too. A last
 * label of digits makes it an address in some odd notation (`10.1`, `0x7f.1`), which no name may look like.
 */
function readName(text: string): NodeSpelling {
  const name = text.endsWith('.') ? text.slice(0, -1) : text;
  const label = '[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?';
  const wellFormed = new RegExp(`^${label}(\\.${label})*$`).test(name) && name.length <= 253;
  if (!wellFormed || /(^|\.)(0[xX][0-9A-Fa-f]*|[0-9]+)$/.test(name)) return { ok: false, problem: 'malformed' };
  return { ok: true, key: name.toLowerCase(), kind: 'name' };
}
