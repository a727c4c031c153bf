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
 * Header fields of a node that the caller may see: all but pseudo fields and those of one hop, values untouched,
 * repeated fields kept apart.
 */
export function passingHeaders(raw: readonly string[]): OutgoingHttpHeaders {
  const out: OutgoingHttpHeaders = Object.create(null) as OutgoingHttpHeaders;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? '';
    if (name.startsWith(':') || ofOneHop.has(name)) continue;
    const value = raw[i + 1] ?? '';
    const before = out[name];
    if (before === undefined) out[name] = value;
    else if (name === 'content-type') continue;
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
