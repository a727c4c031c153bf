import { unwrapWithDeployment } from './keys.ts';
import type { SessionReader, SessionView } from './reading.ts';
import type { SessionLog } from './recording.ts';
import { type ActedFrom, sessionRecord } from './records.ts';
import { type ReplayItem, type ReplayOptions, replay } from './replay.ts';
import type { Sessions } from './sessions.ts';

/** What a second person does with sessions. Whether they may is policy's question, asked before. */
export interface SessionDesk extends Pick<SessionReader, 'list' | 'get'>, Pick<Sessions, 'kill'> {
  /** See `replay.ts`. */
  replay(view: SessionView, options: ReplayOptions): AsyncIterable<ReplayItem>;
  /** The key of a recording that the deployment itself may open; undefined when only auditors can. */
  dataKey(view: SessionView): Buffer | undefined;
  /** Resolves when it is durable that somebody looks into a recording; nothing of it may be sent before. */
  recordRead(
    kind: 'session.replayed' | 'session.watched',
    view: SessionView,
    by: string,
    action: string,
    from: ActedFrom,
  ): Promise<void>;
}

export function createSessionDesk(options: {
  readonly reader: SessionReader;
  readonly sessions: Pick<Sessions, 'kill'>;
  readonly log: Pick<SessionLog, 'append'>;
  /** Key of the deployment. */
  readonly deployment: string;
}): SessionDesk {
  const { reader, sessions, log, deployment } = options;
  return {
    list: filter => reader.list(filter),
    get: id => reader.get(id),
    kill: (facts, by, reason, from) => sessions.kill(facts, by, reason, from),
    replay: (view, how) => replay(reader, view, how),
    dataKey: view => unwrapWithDeployment(view.keys, view.id, deployment),
    recordRead: (kind, view, by, action, from) =>
      log.append([sessionRecord(kind, view, {}, { principal: by, action, from })]),
  };
}
