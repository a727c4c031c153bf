/** A token as it was carried, with the user name that came along in Basic. */
export interface CarriedToken {
  readonly token: string;
  /** User part of Basic; undefined with Bearer. */
  readonly user: string | undefined;
}

/** Longest token that is looked at, in characters. Kerberos-sized group lists fit; anything longer is no login. */
export const maxTokenLength = 16 * 1024;

/**
 * Takes the token out of an `authorization` value: `Bearer TOKEN` (RFC 6750), or `Basic base64(user:TOKEN)`
 * (RFC 7617), the only way in which a stock talosctl can carry one. Gives what is wrong as text otherwise.
 */
export function readAuthorization(value: string): CarriedToken | { readonly problem: string } {
  if (value.length > 2 * maxTokenLength) return { problem: 'the authorization header is too long' };
  const match = /^([A-Za-z]+) +([^\s,]+)$/.exec(value);
  const scheme = match?.[1]?.toLowerCase();
  const text = match?.[2];
  if (text === undefined) return { problem: 'the authorization header is malformed' };
  if (scheme === 'bearer') return checkToken(text, undefined);
  if (scheme === 'basic') return readBasic(text);
  return { problem: 'the authorization header must be Bearer, or Basic with a token as password' };
}

function readBasic(text: string): CarriedToken | { readonly problem: string } {
  const malformed = { problem: 'the Basic credentials are malformed' };
  // Node's decoder skips what it does not know; a credential is either well written or refused.
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || text.length % 4 !== 0) return malformed;
  let decoded: string;
  try {
    decoded = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(text, 'base64'));
  } catch {
    return malformed;
  }
  const colon = decoded.indexOf(':');
  if (colon < 0) return malformed;
  return checkToken(decoded.slice(colon + 1), decoded.slice(0, colon));
}

function checkToken(token: string, user: string | undefined): CarriedToken | { readonly problem: string } {
  if (token.length > maxTokenLength) return { problem: 'the token is too long' };
  if (!/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/.test(token)) {
    return { problem: 'what was sent as a token is not a signed JWT' };
  }
  return { token, user };
}
