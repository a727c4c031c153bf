import { type Static, Type } from 'typebox';

/** Settings section `database`. */
export const databaseSettings = Type.Object(
  {
    writerUrl: Type.String({
      minLength: 1,
      description:
        'postgres:// URL of the login that appends to the audit log and keeps approvals. It must have the role ' +
        'talosgate_writer and no other right.',
    }),
    readerUrl: Type.String({
      minLength: 1,
      description: 'postgres:// URL of the login that searches the audit log. It must have the role talosgate_reader.',
    }),
    adminUrl: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'postgres:// URL of a login that may create roles. When given, migrations are applied at start; when left out, ' +
          'run "talosgate migrate" before.',
      }),
    ),
    maxConnections: Type.Integer({
      default: 10,
      minimum: 2,
      maximum: 200,
      description: 'Most connections per login and replica, not counting the two that the audit log holds.',
    }),
    connectTimeoutMs: Type.Integer({
      default: 2_000,
      minimum: 100,
      maximum: 30_000,
      description: 'Longest wait for a connection to the database, in milliseconds.',
    }),
    queryTimeoutMs: Type.Integer({
      default: 10_000,
      minimum: 100,
      maximum: 300_000,
      description:
        'Longest wait for one answer of the database, in milliseconds. Appends to the audit log have their own.',
    }),
  },
  { additionalProperties: false, description: 'Postgres, which holds the audit log and the approvals.' },
);
export type DatabaseSettings = Static<typeof databaseSettings>;
