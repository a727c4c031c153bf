import Type from 'typebox';
import { durationNotation, secretNotation } from '../core/settings.ts';

/** Fragment `database`. */
export const DatabaseSettings = Type.Object(
  {
    url: Type.Unsafe<string>({
      ...secretNotation,
      description: 'postgres:// URL of the login that writes the audit log and keeps approvals.',
    }),
    reader_url: Type.Unsafe<string>({
      ...secretNotation,
      description: 'postgres:// URL of the login that searches the audit log.',
    }),
    sealer_url: Type.Optional(
      Type.Unsafe<string>({
        ...secretNotation,
        description: 'postgres:// URL of the login that signs the audit log. Needed with sealing.',
      }),
    ),
    admin_url: Type.Optional(
      Type.Unsafe<string>({
        ...secretNotation,
        description:
          'postgres:// URL of a login that may migrate the database at start. Leave it out to migrate by hand.',
      }),
    ),
    max_connections: Type.Integer({
      minimum: 2,
      maximum: 200,
      default: 10,
      description: 'Most connections per login.',
    }),
    connect_timeout: Type.Unsafe<number>({
      ...durationNotation,
      default: '2s',
      description: 'Longest wait for a connection.',
    }),
    query_timeout: Type.Unsafe<number>({
      ...durationNotation,
      default: '10s',
      description: 'Longest wait for one answer.',
    }),
  },
  { additionalProperties: false, description: 'Postgres, which holds the audit log and the approvals.' },
);
