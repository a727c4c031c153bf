import Type from 'typebox';
import { addressNotation, durationNotation, pathNotation } from '../core/settings.ts';

const path = (description: string) => Type.Unsafe<string>({ ...pathNotation, description });

const Tls = Type.Object(
  {
    certificate: path('Server certificate, PEM, followed by intermediates if there are any.'),
    key: path('Private key of the certificate, PEM.'),
  },
  { additionalProperties: false, description: 'How this door proves what it is.' },
);

/** Fragment `listen`: the two doors. */
export const ListenSettings = Type.Object(
  {
    grpc: Type.Object(
      {
        address: Type.Unsafe<string>({
          ...addressNotation,
          default: '0.0.0.0:50000',
          description: 'Where talosctl connects to. 50000 is the port that talosctl takes when none is given.',
        }),
        tls: Tls,
        client_ca: Type.Optional(
          path('CA bundle of client certificates. Needed with identity.mtls. This is not the CA of any Talos cluster.'),
        ),
      },
      { additionalProperties: false, description: 'The door for talosctl: gRPC over TLS.' },
    ),
    http: Type.Object(
      {
        address: Type.Unsafe<string>({
          ...addressNotation,
          default: '127.0.0.1:8443',
          description: 'Where the JSON API, the health probes and the metrics are.',
        }),
        tls: Type.Optional(Tls),
        client_ca: Type.Optional(path('CA bundle of client certificates for the JSON API.')),
        insecure: Type.Boolean({
          default: false,
          description: 'Serve without TLS. Credentials then cross the network in the clear: loopback only.',
        }),
      },
      { additionalProperties: false, description: 'The door for people and probes: HTTP.' },
    ),
  },
  { additionalProperties: false, description: 'Where the gateway listens.' },
);

/** Fragment `log`: the process log, which is not the audit log. */
export const LogSettings = Type.Object(
  {
    level: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace'], {
      default: 'info',
      description: 'Least important line that is written to standard output.',
    }),
  },
  {
    additionalProperties: false,
    default: {},
    description: 'The process log. Not the audit log, which cannot be turned down.',
  },
);

/** Fragment `limits`: what one gateway process takes on. */
export const LimitSettings = Type.Object(
  {
    max_connections: Type.Integer({ minimum: 1, default: 2000, description: 'Client connections at a time.' }),
    max_calls_per_connection: Type.Integer({
      minimum: 32,
      default: 1000,
      description: 'Calls at a time on one connection. The dashboard needs about 30 per node.',
    }),
    request_memory_mib: Type.Integer({
      minimum: 64,
      default: 512,
      description: 'Memory for requests that are being read, in MiB. One request has at most 32.',
    }),
    read_timeout: Type.Unsafe<number>({
      ...durationNotation,
      default: '30s',
      description: 'How long a whole request message may take to arrive.',
    }),
    shutdown_grace: Type.Unsafe<number>({
      ...durationNotation,
      default: '10s',
      description: 'How long running calls may go on after the gateway was told to stop.',
    }),
  },
  { additionalProperties: false, default: {}, description: 'What one gateway process takes on.' },
);
