import Type from 'typebox';
import {
  addressNotation,
  durationNotation,
  pathNotation,
  type SettingsProblem,
  secretNotation,
} from '../core/settings.ts';

const path = (description: string) => Type.Unsafe<string>({ ...pathNotation, description });
const secret = (description: string) => Type.Unsafe<string>({ ...secretNotation, description });
const url = (description: string) =>
  Type.String({
    pattern: '^https?://[^\\s]+$',
    maxLength: 2000,
    description,
    'x-remedy': 'write an address such as https://siem.example.com/in; plain http only on loopback',
  });

const ca = Type.Optional(path("CA bundle that signed the receiver's certificate. Default: those that Node trusts."));
const certificate = Type.Optional(path('Client certificate, PEM.'));
const key = Type.Optional(path('Private key of the client certificate, PEM.'));

const Webhook = Type.Object(
  {
    url: url('Where batches are sent with POST.'),
    secret: secret('Key, at least 32 characters, that signs each batch (HMAC-SHA256).'),
    ca,
    certificate,
    key,
  },
  { additionalProperties: false, description: 'Signed batches of records as JSON.' },
);

const Syslog = Type.Object(
  {
    address: Type.Unsafe<string>({ ...addressNotation, description: 'Receiver; 6514 is the usual port.' }),
    server_name: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 253,
        description: "Name in the receiver's certificate. Default: the host.",
      }),
    ),
    ca,
    certificate,
    key,
    structured_data_id: Type.String({
      pattern: '^[!#-<>-\\\\^-~]{1,32}$',
      default: 'talosgate@32473',
      description: 'Name of the structured data element. 32473 is the number for examples; put yours.',
    }),
    max_message: Type.Integer({
      minimum: 2048,
      maximum: 1_048_576,
      default: 8192,
      description: 'Longest message in bytes. A longer record goes without its body.',
    }),
  },
  { additionalProperties: false, description: 'RFC 5424 messages over TLS (RFC 5425).' },
);

const Otlp = Type.Object(
  {
    url: url('Full address of the logs endpoint: https://collector:4318/v1/logs.'),
    authorization: Type.Optional(secret('Content of the authorization header.')),
    ca,
    certificate,
    key,
  },
  { additionalProperties: false, description: 'OpenTelemetry logs, OTLP over HTTP in JSON.' },
);

const File = Type.Object(
  {
    path: path('File that lines of JSON are added to. %Y, %m and %d stand for the day of the record, UTC.'),
  },
  { additionalProperties: false, description: 'Lines of JSON in a file.' },
);

const Sink = Type.Object(
  {
    name: Type.String({
      pattern: '^[a-z0-9][a-z0-9-]{0,62}$',
      description: 'Name of the receiver: its place in the log is kept under it.',
      'x-remedy': 'write small letters, digits and hyphens',
    }),
    from: Type.String({
      pattern: '^(now|beginning|[0-9]{1,15})$',
      default: 'now',
      description: 'Where a new receiver begins: `now`, `beginning` or an index. Later its own place counts.',
      'x-remedy': 'write now, beginning or an index',
    }),
    timeout: Type.Unsafe<number>({
      ...durationNotation,
      default: '10s',
      description: 'Longest wait for one batch to be taken.',
    }),
    webhook: Type.Optional(Webhook),
    syslog: Type.Optional(Syslog),
    otlp: Type.Optional(Otlp),
    file: Type.Optional(File),
  },
  { additionalProperties: false },
);
export type SinkSettings = Type.Static<typeof Sink>;

/** Fragment `export`. */
export const ExportSettings = Type.Object(
  {
    sinks: Type.Array(Sink, { default: [], description: 'Receivers of every record of the audit log.' }),
  },
  { additionalProperties: false, default: {}, description: 'Where the audit log is sent as it grows.' },
);
export type ExportSettings = Type.Static<typeof ExportSettings>;

/** Ways of sending; a sink has exactly one. */
const sinkKinds = ['webhook', 'syslog', 'otlp', 'file'] as const;

/** What the schema cannot say. Empty when all is well. */
export function exportProblems({ sinks }: ExportSettings): SettingsProblem[] {
  return sinks.flatMap((sink, i) => sinkProblems(sink, i, sinks));
}

function sinkProblems(sink: SinkSettings, i: number, sinks: readonly SinkSettings[]): SettingsProblem[] {
  const problems: SettingsProblem[] = [];
  const note = (place: readonly string[], message: string, remedy: string): void => {
    problems.push({ path: ['sinks', i, ...place], message, remedy });
  };
  const kinds = sinkKinds.filter(kind => sink[kind] !== undefined);
  if (kinds.length !== 1) {
    note(
      [],
      `a sink has exactly one way of sending, this one has ${kinds.length}`,
      `set one of ${sinkKinds.join(', ')}`,
    );
  }
  if (sinks.findIndex(({ name }) => name === sink.name) !== i) {
    note(['name'], `there are two sinks named ${sink.name}`, 'give every sink a name of its own');
  }
  if (sink.timeout < 100 || sink.timeout > 60_000) {
    note(['timeout'], 'the timeout must be between 100ms and 1m', 'write a time from 100ms to 1m');
  }
  if (sink.webhook !== undefined && sink.webhook.secret !== '' && sink.webhook.secret.length < 32) {
    note(['webhook', 'secret'], 'the key is shorter than 32 characters', 'make one with: openssl rand -hex 32');
  }
  for (const kind of ['webhook', 'otlp'] as const) {
    const target = sink[kind]?.url;
    if (target !== undefined && !isSafe(target)) {
      note([kind, 'url'], 'records would cross the network in the clear', 'use https://; http:// only on loopback');
    }
  }
  for (const kind of ['webhook', 'syslog', 'otlp'] as const) {
    const tls = sink[kind];
    if (tls !== undefined && (tls.certificate === undefined) !== (tls.key === undefined)) {
      note([kind], 'a client certificate and its key go together', 'set certificate and key, or neither');
    }
  }
  return problems;
}

function isSafe(target: string): boolean {
  const parsed = URL.parse(target);
  if (parsed === null) return false;
  return parsed.protocol === 'https:' || /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(parsed.hostname);
}
