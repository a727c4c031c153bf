import Type from 'typebox';
import { durationNotation, pathNotation, type SettingsProblem } from '../core/settings.ts';

const SubjectRule = Type.Object(
  {
    from: Type.Enum(['uri', 'email', 'common_name'], {
      description: 'Part of the certificate that names the caller: URI SAN, e-mail SAN, or the common name.',
    }),
    prefix: Type.Optional(
      Type.String({ minLength: 1, description: 'What a person value must start with; removed from the name.' }),
    ),
    machine_prefix: Type.Optional(
      Type.String({ minLength: 1, description: 'What marks a machine; removed from the name.' }),
    ),
  },
  { additionalProperties: false },
);
export type SubjectRule = Type.Static<typeof SubjectRule>;

export const MtlsSettings = Type.Object(
  {
    subject: Type.Array(SubjectRule, {
      minItems: 1,
      maxItems: 3,
      default: [{ from: 'uri' }, { from: 'email' }, { from: 'common_name' }],
      description: 'Order in which the name is looked for. The first kind that the certificate has decides.',
    }),
    revoked: Type.Optional(
      Type.Unsafe<string>({
        ...pathNotation,
        description:
          'File with one certificate serial or SHA-256 of a public key (hex) per line; read again when it changes.',
      }),
    ),
  },
  { additionalProperties: false, description: 'Client certificates, verified against listen.grpc.client_ca.' },
);
export type MtlsSettings = Type.Static<typeof MtlsSettings>;

/** Signature algorithms that a token may use: asymmetric ones only. */
const jwtAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

const ClaimPath = Type.Union([
  Type.String({ minLength: 1 }),
  Type.Array(Type.String({ minLength: 1 }), { minItems: 1 }),
]);

const remedyForKeys = 'write {url: https://...} or {file: PATH}';

export const JwtIssuerSettings = Type.Object(
  {
    issuer: Type.String({ minLength: 1, description: 'The iss claim, exactly.' }),
    audience: Type.Array(Type.String({ minLength: 1 }), {
      minItems: 1,
      description: 'Accepted aud claims; a token must carry one of them.',
    }),
    keys: Type.Object(
      {
        url: Type.Optional(Type.String({ minLength: 1, description: 'JWKS address; https unless on loopback.' })),
        file: Type.Optional(Type.Unsafe<string>({ ...pathNotation, description: 'JWKS file; read again on change.' })),
      },
      {
        additionalProperties: false,
        minProperties: 1,
        maxProperties: 1,
        description: 'Where the public keys of the issuer are: url or file.',
        'x-remedy': remedyForKeys,
      },
    ),
    algorithms: Type.Array(
      Type.Enum(jwtAlgorithms, {
        'x-remedy': `name one of ${jwtAlgorithms.join(', ')}; unsigned and shared-secret tokens are never accepted`,
      }),
      { minItems: 1, default: ['RS256', 'ES256', 'EdDSA'], description: 'Signature algorithms that are accepted.' },
    ),
    type: Type.Optional(Type.String({ minLength: 1, description: 'Required typ header, such as at+jwt.' })),
    clock_tolerance: Type.Unsafe<number>({
      ...durationNotation,
      default: '5s',
      description: 'Clock difference to forgive; at most 2m.',
    }),
    max_age: Type.Unsafe<number>({
      ...durationNotation,
      default: '24h',
      description: 'A token counts for at most this long after its iat, whatever its exp says.',
    }),
    id_claim: Type.Unsafe<string | string[]>({
      ...ClaimPath,
      default: 'email',
      description: 'Claim that names the caller; a list walks into objects.',
    }),
    require_verified_email: Type.Boolean({
      default: true,
      description: 'With id_claim email: refuse a token unless email_verified is true.',
    }),
    groups_claim: Type.Unsafe<string | string[]>({
      ...ClaimPath,
      default: 'groups',
      description: 'Claim that lists the groups; a list walks into objects, such as [realm_access, roles].',
    }),
    read_groups: Type.Boolean({
      default: true,
      description: 'false: groups in tokens of this issuer count for nothing.',
    }),
    id_prefix: Type.String({
      default: '',
      description: 'Put before every name from this issuer, to keep issuers apart.',
    }),
    groups_prefix: Type.Optional(
      Type.String({
        description: 'Put before every group from this issuer; id_prefix when not set. "" shares groups with others.',
      }),
    ),
    kind: Type.Enum(['person', 'machine'], {
      default: 'person',
      description: 'What callers from this issuer are.',
    }),
    machine_when: Type.Optional(
      Type.Object(
        {
          claim: Type.String({ minLength: 1, description: 'Claim to look at.' }),
          equals: Type.String({ minLength: 1, description: 'Value, exactly, that marks a machine.' }),
        },
        { additionalProperties: false, description: 'Tokens with this claim value are machines, whatever kind says.' },
      ),
    ),
  },
  { additionalProperties: false },
);
export type JwtIssuerSettings = Type.Static<typeof JwtIssuerSettings>;

/** Fragment `identity` of the configuration file. */
export const IdentitySettings = Type.Object(
  {
    mtls: Type.Optional(MtlsSettings),
    jwt: Type.Array(JwtIssuerSettings, { default: [], description: 'Token issuers, one entry each.' }),
  },
  { additionalProperties: false, description: 'How callers prove who they are.' },
);
export type IdentitySettings = Type.Static<typeof IdentitySettings>;

/** What the schema cannot say: no way in at all, the same source twice, a key address in the clear. */
export function identityProblems(settings: IdentitySettings): SettingsProblem[] {
  const problems: SettingsProblem[] = [];
  if (settings.mtls === undefined && settings.jwt.length === 0) {
    problems.push({
      path: [],
      message: 'nobody could log in: neither mtls nor jwt is set',
      remedy: 'add mtls: {} or a jwt issuer',
    });
  }
  repeated(settings.mtls?.subject.map(rule => rule.from) ?? []).forEach(index =>
    problems.push({
      path: ['mtls', 'subject', index, 'from'],
      message: 'the same part of the certificate is listed twice',
      remedy: 'name each part once, in the order in which it shall be looked for',
    }),
  );
  repeated(settings.jwt.map(entry => entry.issuer)).forEach(index =>
    problems.push({
      path: ['jwt', index, 'issuer'],
      message: 'this issuer is listed twice',
      remedy: 'merge the two entries; one issuer can have several audiences',
    }),
  );
  settings.jwt.forEach((entry, index) => problems.push(...issuerProblems(entry, ['jwt', index])));
  return problems;
}

function issuerProblems(entry: JwtIssuerSettings, path: readonly (string | number)[]): SettingsProblem[] {
  const problems: SettingsProblem[] = [];
  const url = entry.keys.url;
  if (url !== undefined && !isSafeKeyUrl(url)) {
    problems.push({
      path: [...path, 'keys', 'url'],
      message: 'keys would be fetched over an unprotected connection, or this is not an address',
      remedy: 'use an https address (http is accepted for loopback only)',
    });
  }
  if (entry.clock_tolerance > 120_000) {
    problems.push({
      path: [...path, 'clock_tolerance'],
      message: 'more than two minutes of clock difference are not forgiven',
      remedy: 'set at most 2m and keep the clocks in step',
    });
  }
  return problems;
}

function isSafeKeyUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== '' || url.password !== '') return false;
  if (url.protocol === 'https:') return true;
  return url.protocol === 'http:' && ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname);
}

function repeated(values: readonly string[]): number[] {
  return values.flatMap((value, index) => (values.indexOf(value) < index ? [index] : []));
}
