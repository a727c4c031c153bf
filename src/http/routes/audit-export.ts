import { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { AuditFilter } from '../../core/audit-entry.ts';
import type { AuditScan } from '../../core/audit-line.ts';
import type { AuditRecord } from '../../core/audit-record.ts';
import { GateError } from '../../core/gate-error.ts';
import { type FileFormatName, fileFormats } from '../../export/formats/table.ts';
import { mayStill, principalOf, whereFrom } from '../access.ts';
import { filterFields, toFilter } from '../audit-query.ts';
import type { HttpDependencies } from '../dependencies.ts';
import type { TypedServer } from '../typed-server.ts';

const access = {
  kind: 'action',
  action: 'audit.export',
  risk: 'read',
  subject: () => ({ resource: 'audit' }),
} as const;
/** How often the rights of whoever is sent an export are looked at again. */
const recheckMs = 1000;
/** Exports under way at a time; each one reads the database as fast as its reader takes it. */
const mostExports = 8;
const index = (description: string) => Type.Optional(Type.String({ pattern: '^[0-9]{1,15}$', description }));

const querySchema = Type.Object(
  {
    ...filterFields,
    format: Type.Enum(Object.keys(fileFormats) as FileFormatName[], { description: 'How records are written.' }),
    from: index('First index, inclusive.'),
    to: index('Last index, inclusive. Default: the newest when the export begins.'),
  },
  { additionalProperties: false },
);

/** A part of the log as a file. Recorded before the first byte, with its range, and at its end, with what was sent. */
export function auditExportRoutes(server: TypedServer, dependencies: HttpDependencies): void {
  const running = new Set<AbortController>();
  // An export takes as long as its reader lets it, and shutdown waits for running requests.
  server.addHook('preClose', done => {
    for (const stop of running) stop.abort();
    done();
  });
  server.get(
    '/api/v1/audit/export',
    {
      config: { access },
      schema: {
        tags: ['audit'],
        description: 'Records in index order in one of the file formats. A body that is cut off is not complete.',
        querystring: querySchema,
      },
    },
    async (request, reply) => {
      const { auditScan: scan } = dependencies;
      if (scan === undefined) {
        throw new GateError('bad-config', 'reading the audit log needs database.reader_url in the configuration');
      }
      const { format, from, to, ...query } = request.query;
      const filter = toFilter(query);
      if (running.size >= mostExports)
        throw new GateError('overloaded', 'too many exports are under way; try again later');
      const bounds = await scan.bounds();
      const range = {
        first: Math.max(from === undefined ? 0 : Number(from), bounds.first),
        end: Math.min(to === undefined ? bounds.next : Number(to) + 1, bounds.next),
      };
      const details = {
        format,
        from: String(range.first),
        to: String(range.end - 1),
        query: request.url.slice(0, 1024),
      };
      await dependencies.record(exported(dependencies, request, { state: 'begun', ...details }));
      const stop = new AbortController();
      running.add(stop);
      const check = setInterval(() => {
        void mayStill(request, dependencies).then(may => {
          if (!may) stop.abort();
        });
      }, recheckMs);
      check.unref();
      const sent = { records: 0 };
      const onEnd = (state: 'complete' | 'broken-off'): void => {
        if (!running.delete(stop)) return;
        clearInterval(check);
        const end = exported(dependencies, request, { state, records: String(sent.records), ...details });
        dependencies.record(end).catch((error: unknown) => request.log.error({ err: error }, 'end of an export'));
      };
      const onLeave = (): void => {
        stop.abort();
        onEnd('broken-off');
      };
      // Who left while the log was asked never closes again, and nobody would begin to read the body.
      if (reply.raw.destroyed || request.raw.socket.destroyed) {
        onLeave();
        return reply;
      }
      reply.raw.once('close', onLeave);
      const body = render(scan, filter, range, { format, context: dependencies, sent }, stop.signal, onEnd);
      return reply
        .type(fileFormats[format].type)
        .header('talosgate-range', `${range.first}-${range.end - 1}`)
        .send(Readable.from(body, { objectMode: false }));
    },
  );
}

/** One chunk for each stretch; the next one is read when the reader has taken the last. */
async function* render(
  scan: AuditScan,
  filter: AuditFilter,
  range: { readonly first: number; readonly end: number },
  how: {
    readonly format: FileFormatName;
    readonly context: { readonly version: string; readonly host: string };
    readonly sent: { records: number };
  },
  signal: AbortSignal,
  onEnd: (state: 'complete' | 'broken-off') => void,
): AsyncGenerator<string> {
  const { context, sent } = how;
  const { head, line: write } = fileFormats[how.format];
  let state: 'complete' | 'broken-off' = 'broken-off';
  try {
    if (head !== '') yield head;
    for (let at = range.first; at < range.end; ) {
      const { lines, next } = await scan.read(at, range.end, filter);
      if (signal.aborted) throw new GateError('cancelled', 'the export was ended by the gateway');
      if (lines.length > 0) yield lines.map(line => write(line, context)).join('');
      sent.records += lines.length;
      at = next;
    }
    state = 'complete';
  } finally {
    onEnd(state);
  }
}

function exported(
  dependencies: HttpDependencies,
  request: FastifyRequest,
  details: NonNullable<AuditRecord['details']>,
): AuditRecord {
  const { id, kind, groups, proofs } = principalOf(request);
  return {
    ...whereFrom(request),
    kind: 'audit.exported',
    principal: id,
    principalKind: kind,
    groups,
    proofs,
    action: 'audit.export',
    decision: 'allow',
    policyRevision: dependencies.policyRevision(),
    details,
  };
}
