import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { Type } from 'typebox';
import type { AuditEntry } from '../../core/audit-entry.ts';
import { GateError } from '../../core/gate-error.ts';
import { mayStill } from '../access.ts';
import { filterFields, toFilter } from '../audit-query.ts';
import { auditReadAccess as access, readerOf, recordRead, toBody } from '../audit-reading.ts';
import type { HttpDependencies } from '../dependencies.ts';
import type { TypedServer } from '../typed-server.ts';

/** How often a reader who follows the log is asked again who they are and what they may. */
const recheckMs = 1000;
/** How often a reader gets an empty line, so that a connection that died shows at both ends. */
const signOfLifeMs = 15_000;
/** Readers who may follow the log at a time; each one polls the database. */
const mostTails = 64;

/** The audit log as it grows, for people with `audit.read`. */
export function auditTailRoutes(server: TypedServer, dependencies: HttpDependencies): void {
  const following = new Set<AbortController>();
  // A reader who follows never ends by itself, and shutdown waits for running requests.
  server.addHook('preClose', done => {
    for (const gone of following) gone.abort();
    done();
  });
  server.get(
    '/api/v1/audit/tail',
    {
      config: { access },
      schema: {
        tags: ['audit'],
        description:
          'Entries as they are committed: one JSON object a line, and an empty line now and then, until the client leaves. The header talosgate-after names the index after which it begins. To go on after a broken connection without missing or repeating any, ask again with after= the last index seen, or that of the header.',
        querystring: Type.Object(
          {
            ...filterFields,
            after: Type.Optional(
              Type.String({
                pattern: '^(-1|[0-9]{1,18})$',
                description: 'Begin above this index instead of at the end.',
              }),
            ),
          },
          { additionalProperties: false },
        ),
      },
    },
    async (request, reply) => {
      const reader = readerOf(dependencies);
      const { after, ...query } = request.query;
      const filter = toFilter(query);
      await recordRead(dependencies, request);
      if (following.size >= mostTails) {
        throw new GateError('overloaded', 'too many readers follow the log already; try again later');
      }
      const from = after ?? (await reader.last()) ?? '-1';
      const gone = new AbortController();
      // Who left while the log was asked never closes again.
      if (reply.raw.destroyed || request.raw.socket.destroyed) return reply;
      following.add(gone);
      const check = setInterval(() => {
        void mayStill(request, dependencies).then(may => {
          if (!may) gone.abort();
        });
      }, recheckMs);
      check.unref();
      reply.raw.once('close', () => {
        clearInterval(check);
        following.delete(gone);
        gone.abort();
      });
      const lines = new PassThrough();
      void pump(reader.follow(from, filter, gone.signal), lines, gone.signal);
      return reply.header('talosgate-after', from).type('application/x-ndjson').send(lines);
    },
  );
}

/** Writes entries as lines, as fast as the reader takes them. Never rejects; a log that cannot be read ends the answer. */
async function pump(entries: AsyncIterable<AuditEntry>, lines: PassThrough, signal: AbortSignal): Promise<void> {
  const alive = setInterval(() => {
    if (!lines.writableNeedDrain) lines.write('\n');
  }, signOfLifeMs);
  alive.unref();
  // Headers go out with the first bytes, and the reader is to know at once where it begins.
  lines.write('\n');
  try {
    for await (const entry of entries) {
      if (!lines.write(`${JSON.stringify(toBody(entry))}\n`)) await once(lines, 'drain', { signal });
    }
    lines.end();
  } catch {
    // Not an orderly end: the reader is to see that something broke, and to come again.
    lines.destroy();
  } finally {
    clearInterval(alive);
  }
}
