/**
 * Notations of the configuration file. Each is a JSON schema of what the file may hold, marked with `x-notation`, so
 * that the loader can put the meaning in its place. A part's fragment writes `Type.Unsafe<string>(secretNotation)`:
 * the schema says what stands in the file, the type says what the part gets after loading.
 */

/** A file or directory; relative to the configuration file. The part gets an absolute path. */
export const pathNotation = { type: 'string', minLength: 1, 'x-notation': 'path' } as const;

/** A secret by reference, never in plain text. The part gets the secret itself, without a final line break. */
export const secretNotation = {
  type: 'object',
  properties: {
    file: { type: 'string', minLength: 1, description: 'File that holds the secret and nothing else.' },
    env: { type: 'string', minLength: 1, description: 'Environment variable that holds the secret.' },
  },
  minProperties: 1,
  maxProperties: 1,
  additionalProperties: false,
  'x-notation': 'secret',
  'x-remedy': 'write {file: PATH} or {env: NAME}; a secret does not belong into the configuration file',
} as const;

/** A length of time such as `500ms`, `30s`, `5m`, `12h`, `7d`. The part gets milliseconds. */
export const durationNotation = {
  type: 'string',
  pattern: '^[0-9]{1,9}(ms|s|m|h|d)$',
  'x-notation': 'duration',
  'x-remedy': 'write a number and a unit, such as 500ms, 30s, 5m, 12h or 7d',
} as const;

/** Where to listen or dial: `host:port`, IPv6 in brackets. */
export const addressNotation = {
  type: 'string',
  pattern: '^(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9._-]+):[0-9]{1,5}$',
  'x-notation': 'address',
  'x-remedy': 'write host:port, an IPv6 address in brackets: 127.0.0.1:50000, [::]:50000',
} as const;

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Reads a duration that fits `durationNotation`, in milliseconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const match = /^([0-9]{1,9})(ms|s|m|h|d)$/.exec(text);
  if (match === null) return undefined;
  return Number(match[1]) * unitMs[match[2] as keyof typeof unitMs];
}

/** Something wrong with settings that a schema cannot say. `path` leads to the place, from the part's own root. */
export interface SettingsProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly remedy: string;
}
