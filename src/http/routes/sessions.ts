import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { GateError } from '../../core/gate-error.ts';
import type { SessionView } from '../../sessions/reading.ts';
import type { ReplayItem } from '../../sessions/replay.ts';
import { type AccessSubject, actedThere, mayStill, principalOf } from '../access.ts';
import type { HttpDependencies } from '../dependencies.ts';
import type { TypedServer } from '../typed-server.ts';

const idParams = Type.Object({
  id: Type.String({ pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' }),
});
const sessionSchema = Type.Object(
  {
    id: Type.String({ description: 'The id of the call that the session is.' }),
    approval: Type.Optional(Type.String()),
    user: Type.String(),
    cluster: Type.String(),
    node: Type.String(),
    resource: Type.String({ description: 'What was approved: debug/privileged.' }),
    state: Type.String({ description: 'running, ended or lost.' }),
    started: Type.String({ description: 'RFC 3339.' }),
    ended: Type.Optional(Type.String({ description: 'RFC 3339.' })),
    cause: Type.Optional(Type.String({ description: 'Who or what ended it.' })),
    exitCode: Type.Optional(Type.Integer()),
    killedBy: Type.Optional(Type.String()),
    killReason: Type.Optional(Type.String()),
    holders: Type.Array(Type.String(), { description: 'Whose keys open it: deployment, or fingerprints of auditors.' }),
  },
  { $id: 'Session' },
);
type SessionBody = Static<typeof sessionSchema>;

/** How often a reader of a recording is asked again who they are and what they may, milliseconds. */
const recheckMs = 1000;
/** Readers of recordings at a time; each holds some MiB. */
const mostReaders = 32;

/** Recorded debug sessions. Reading one is recorded before the first byte of it goes out. */
export function sessionRoutes(server: TypedServer, dependencies: HttpDependencies): void {
  const { sessions } = dependencies;
  const aboutSession = async (request: FastifyRequest): Promise<AccessSubject> => {
    const { id } = request.params as { id: string };
    const view = await sessions.get(id);
    // An id that leads nowhere is decided on like any other, so that only those who may look learn which exist.
    if (view === undefined) return {};
    const { cluster, node, resource } = view;
    return { cluster, node, resource, labels: dependencies.findTarget(cluster, node)?.labels ?? {} };
  };
  let readers = 0;

  server.get(
    '/api/v1/sessions',
    {
      config: {
        access: { kind: 'action', action: 'sessions.read', risk: 'read', subject: () => ({ resource: 'sessions' }) },
      },
      schema: {
        tags: ['sessions'],
        querystring: Type.Object(
          {
            user: Type.Optional(Type.String({ maxLength: 256, pattern: '^[^\\u0000]*$' })),
            node: Type.Optional(Type.String({ maxLength: 256, pattern: '^[^\\u0000]*$' })),
            running: Type.Optional(Type.Boolean()),
            limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 50 })),
          },
          { additionalProperties: false },
        ),
        response: { 200: Type.Object({ sessions: Type.Array(sessionSchema) }) },
      },
    },
    async ({ query: { user, node, running, limit } }) => {
      const found = await sessions.list({ principal: user, node, running, limit: limit ?? 50 });
      return { sessions: found.map(toBody) };
    },
  );
  server.get(
    '/api/v1/sessions/:id',
    {
      config: { access: { kind: 'action', action: 'sessions.read', risk: 'read', subject: aboutSession } },
      schema: { tags: ['sessions'], params: idParams, response: { 200: sessionSchema } },
    },
    async request => toBody(await required(request.params.id)),
  );
  for (const [path, action, kind] of [
    ['recording', 'sessions.replay', 'session.replayed'],
    ['watch', 'sessions.watch', 'session.watched'],
  ] as const) {
    server.get(
      `/api/v1/sessions/:id/${path}`,
      {
        config: { access: { kind: 'action', action, risk: 'read', subject: aboutSession } },
        schema: {
          tags: ['sessions'],
          description:
            'The keys, then the chunks as they were sealed, one JSON object a line; the last one is the end or a problem.',
          params: idParams,
        },
      },
      async (request, reply) => {
        const view = await required(request.params.id);
        if (kind === 'session.watched' && view.state !== 'running') {
          throw new GateError('conflict', `session ${view.id} is over; see: talosgate sessions play ${view.id}`);
        }
        if (readers >= mostReaders)
          throw new GateError('overloaded', 'too many recordings are read just now; try again later');
        readers += 1;
        const leave = (): void => {
          readers -= 1;
        };
        // Who left while the database was asked never closes again.
        if (reply.raw.destroyed || request.raw.socket.destroyed) leave();
        else reply.raw.once('close', leave);
        await sessions.recordRead(kind, view, principalOf(request).id, action, actedThere(request));
        if (reply.raw.destroyed || request.raw.socket.destroyed) return reply;
        return send(request, reply, view, kind === 'session.watched');
      },
    );
  }
  server.post(
    '/api/v1/sessions/:id/kill',
    {
      config: { access: { kind: 'action', action: 'sessions.kill', risk: 'write', subject: aboutSession } },
      schema: {
        tags: ['sessions'],
        params: idParams,
        body: Type.Object({ reason: Type.String({ maxLength: 500, default: '' }) }, { additionalProperties: false }),
        response: { 200: sessionSchema },
      },
    },
    async request => {
      const view = await required(request.params.id);
      await sessions.kill(view, principalOf(request).id, request.body.reason, actedThere(request));
      return toBody(await required(view.id));
    },
  );

  async function required(id: string): Promise<SessionView> {
    const view = await sessions.get(id);
    if (view === undefined) throw new GateError('not-found', `no session ${id}; see: talosgate sessions list`);
    return view;
  }

  /** Ends early when the reader leaves, or may not look any more. */
  function send(request: FastifyRequest, reply: FastifyReply, view: SessionView, follow: boolean): FastifyReply {
    const gone = new AbortController();
    const check = setInterval(() => {
      void mayStill(request, dependencies).then(may => {
        if (!may) gone.abort();
      });
    }, recheckMs);
    reply.raw.once('close', () => {
      clearInterval(check);
      gone.abort();
    });
    const items = sessions.replay(view, { follow, signal: gone.signal });
    return reply.type('application/x-ndjson').send(Readable.from(lines(view, sessions.dataKey(view), items)));
  }
}

async function* lines(
  view: SessionView,
  dataKey: Buffer | undefined,
  items: AsyncIterable<ReplayItem>,
): AsyncGenerator<string> {
  const key = dataKey === undefined ? {} : { dataKey: dataKey.toString('base64') };
  yield `${JSON.stringify({ session: toBody(view), keys: view.keys, ...key })}\n`;
  try {
    for await (const item of items) {
      if (item.kind === 'end') {
        yield `${JSON.stringify({ end: item.as, details: item.details })}\n`;
        continue;
      }
      const { seq, direction, ciphertext } = item.chunk;
      yield `${JSON.stringify({ seq, direction, ciphertext: ciphertext.toString('base64') })}\n`;
    }
  } catch (thrown) {
    // The status is sent already; the reader must not take half a recording for a whole one.
    const { code, message } = GateError.from(thrown);
    yield `${JSON.stringify({ problem: { code, detail: message } })}\n`;
  }
}

function toBody(view: SessionView): SessionBody {
  const { id, approvalId, principal, cluster, node, resource, state, startedAt, endedAt } = view;
  const { cause, exitCode, killedBy, killReason } = view;
  return {
    id,
    ...(approvalId === undefined ? {} : { approval: approvalId }),
    user: principal,
    cluster,
    node,
    resource,
    state,
    started: new Date(startedAt).toISOString(),
    ...(endedAt === undefined ? {} : { ended: new Date(endedAt).toISOString() }),
    ...(cause === undefined ? {} : { cause }),
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(killedBy === undefined ? {} : { killedBy, killReason: killReason ?? '' }),
    holders: view.keys.map(key => (key.kind === 'deployment' ? 'deployment' : key.holder)),
  };
}
