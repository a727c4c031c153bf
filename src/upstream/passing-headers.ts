import type { OutgoingHttpHeaders } from 'node:http2';

/** Fields that belong to one connection (RFC 9113 section 8.2.2) or describe bytes that a relay may cut differently. */
const ofOneHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'content-length',
  'te',
]);

/**
 * Response header fields of a node that the caller may see, as a raw list that begins with `:status`: all but those of
 * one hop and `drop`, values untouched, repeated fields kept apart.
 */
export function passingHeaders(raw: readonly string[], drop?: string): string[] {
  const out = [':status', '200'];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? '';
    if (name !== drop && passes(name)) out.push(name, raw[i + 1] ?? '');
  }
  return out;
}

/** The same for trailers, which Node takes only as an object. */
export function passingTrailers(raw: readonly string[]): OutgoingHttpHeaders {
  const out: OutgoingHttpHeaders = {};
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? '';
    // A second content type is refused by Node and helps nobody.
    if (!passes(name) || (name === 'content-type' && Object.hasOwn(out, name))) continue;
    const value = raw[i + 1] ?? '';
    const before = Object.hasOwn(out, name) ? out[name] : undefined;
    if (before === undefined) out[name] = value;
    else if (Array.isArray(before)) before.push(value);
    else out[name] = [String(before), value];
  }
  return out;
}

/** First value of a field in a raw list. */
export function rawValue(raw: readonly string[], name: string): string | undefined {
  for (let i = 0; i + 1 < raw.length; i += 2) if (raw[i] === name) return raw[i + 1];
  return undefined;
}

function passes(name: string): boolean {
  return !name.startsWith(':') && !ofOneHop.has(name);
}
