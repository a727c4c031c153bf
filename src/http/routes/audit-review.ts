import { Type } from 'typebox';
import { GateError } from '../../core/gate-error.ts';
import { filterFields, toFilter } from '../audit-query.ts';
import { auditReadAccess as access, readerOf, recordRead, toBody } from '../audit-reading.ts';
import { configChanges } from '../config-changes.ts';
import type { HttpDependencies } from '../dependencies.ts';
import { auditEntrySchema, configChangeSchema } from '../schemas.ts';
import type { TypedServer } from '../typed-server.ts';

/** Bytes of a body that carries a value; a machine configuration has to fit, in base64. */
const bodyLimit = 8 * 1024 * 1024;

/** For reviewers: where a secret value occurs, without knowing it from the log; what happened to a node's configuration. */
export function auditReviewRoutes(server: TypedServer, dependencies: HttpDependencies): void {
  server.post(
    '/api/v1/audit/lookup',
    {
      bodyLimit,
      config: { access },
      schema: {
        tags: ['audit'],
        description:
          'Records in which a field had this value, though the log holds its keyed digest only. The value is not kept. Newest first.',
        body: Type.Object(
          {
            field: Type.String({
              minLength: 1,
              maxLength: 256,
              pattern: '^[^\\u0000]*$',
              description:
                'Path of the field, as data of a request or machine.token of a configuration; [] for any item.',
            }),
            value: Type.String({ pattern: '^[A-Za-z0-9+/]*={0,2}$', description: 'The value, base64.' }),
            limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100, description: 'How many.' })),
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object({
            digests: Type.Array(Type.String(), { description: 'What was looked for: one for each key known.' }),
            entries: Type.Array(auditEntrySchema),
          }),
        },
      },
    },
    async request => {
      const reader = readerOf(dependencies);
      const { field, value, limit } = request.body;
      const digests = [...dependencies.digestsOf(field, Buffer.from(value, 'base64'))];
      await recordRead(dependencies, request, { field, digests });
      const entries = await reader.list({ digests, exceptKinds: ['audit.read'] }, { limit: limit ?? 100 });
      return { digests, entries: entries.map(toBody) };
    },
  );
  server.get(
    '/api/v1/audit/config-history',
    {
      config: { access },
      schema: {
        tags: ['audit'],
        description:
          'What was done to the configuration of a node, by whom and when; newest first. Also what was refused.',
        querystring: Type.Object(
          {
            node: Type.String({ minLength: 1, maxLength: 256, pattern: '^[^\\u0000]*$', description: 'Node name.' }),
            cluster: filterFields.cluster,
            since: filterFields.since,
            until: filterFields.until,
            limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 20, description: 'How many.' })),
          },
          { additionalProperties: false },
        ),
        response: { 200: Type.Object({ changes: Type.Array(configChangeSchema) }) },
      },
    },
    async request => {
      const reader = readerOf(dependencies);
      const { limit, ...query } = request.query;
      if (query.node.endsWith('*')) throw new GateError('bad-request', 'node: name one node, without a *');
      const filter = { ...toFilter(query), action: 'config.apply' };
      await recordRead(dependencies, request);
      // A change has at most two records that count, and its end comes after its beginning.
      const entries = await reader.list(filter, { limit: 2 * (limit ?? 20) });
      return { changes: configChanges(entries).slice(0, limit ?? 20) };
    },
  );
}
