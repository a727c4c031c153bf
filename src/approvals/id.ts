import type { Clock } from '../core/clock.ts';

/** No vowels, so no words by accident; none of 0 1 l o, so nothing to mistake when read aloud or copied by hand. */
const alphabet = '23456789bcdfghjkmnpqrstvwxyz';

const prefixes: Readonly<Record<string, string>> = {
  'node.reset': 'rst',
  'node.reboot': 'rbt',
  'node.shutdown': 'off',
  'node.upgrade': 'upg',
  'node.install': 'ins',
  config: 'cfg',
  container: 'ctr',
  credentials: 'crd',
  debug: 'dbg',
  etcd: 'etc',
  file: 'fil',
  image: 'img',
  meta: 'met',
  network: 'net',
  node: 'nod',
  resource: 'res',
  service: 'svc',
  storage: 'sto',
};

/**
 * Makes an id that can be said on the phone: what it is about, then five characters, `dbg-7k3f9`. One of 17 million per
 * prefix and no secret: the store retries when it is taken.
 */
export function newApprovalId(action: string, clock: Clock): string {
  const area = action.split('.', 1)[0] ?? '';
  const prefix = prefixes[action] ?? prefixes[area] ?? 'req';
  let tail = '';
  while (tail.length < 5) {
    for (const byte of clock.random(8)) {
      // Bytes above the largest multiple of the alphabet's length would make its first letters likelier.
      const letter = byte < 252 ? alphabet[byte % alphabet.length] : undefined;
      if (letter !== undefined && tail.length < 5) tail += letter;
    }
  }
  return `${prefix}-${tail}`;
}

/** Says whether a text can be an approval id at all; whatever cannot is not worth a look into the database. */
export function isApprovalId(text: string): boolean {
  return /^[a-z]{3}-[2-9a-z]{5}$/.test(text);
}
