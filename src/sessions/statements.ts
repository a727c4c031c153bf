import type { Statement } from '../db/query.ts';

// The functions and views of migrations/0019_sessions.sql and 0020_session_ends.sql.

export const begin: Statement = {
  name: 'session.begin',
  text: 'SELECT talosgate.session_begin($1, $2, $3, $4, $5, $6, $7, $8)',
};
export const store: Statement = {
  name: 'session.store',
  text: 'SELECT over FROM talosgate.session_store($1, $2, $3, $4, $5) AS over',
};
export const finish: Statement = { name: 'session.finish', text: 'SELECT talosgate.session_finish($1, $2, $3, $4)' };
export const kill: Statement = { name: 'session.kill', text: 'SELECT talosgate.session_kill($1, $2, $3) AS outcome' };
export const orders: Statement = {
  name: 'session.orders',
  text: 'SELECT id, killed_by, kill_reason, ended_as FROM talosgate.session_orders($1)',
};
export const orphans: Statement = {
  name: 'session.orphans',
  text: `SELECT id, boot_id, approval_id, principal, cluster, node, resource, emergency, recorded
    FROM talosgate.session_orphans($1)`,
};

const fields = `id, approval_id, principal, cluster, node, resource, emergency, keys, started_at, ended_at, ended_as,
  end_cause, exit_code, killed_by, kill_reason`;
export const list: Statement = {
  name: 'session.list',
  text: `SELECT ${fields} FROM talosgate.session_list
    WHERE ($1::text IS NULL OR principal = $1) AND ($2::text IS NULL OR node = $2) AND ($3::boolean IS NOT TRUE OR ended_at IS NULL)
    ORDER BY started_at DESC, id LIMIT $4`,
};
export const get: Statement = {
  name: 'session.get',
  text: `SELECT ${fields} FROM talosgate.session_list WHERE id = $1`,
};
/** What counts as chunks, from an index of the log on, each with its ciphertext where there still is one. */
export const chunks: Statement = {
  name: 'session.chunks',
  text: `SELECT r.idx, r.seq, r.direction, r.sha256, c.ciphertext
    FROM (
      SELECT idx, details->>'seq' AS seq, details->>'direction' AS direction, details->>'sha256' AS sha256
      FROM (
        SELECT idx, convert_from(body, 'UTF8')::jsonb->'details' AS details FROM talosgate.audit_log
        WHERE call_id = $1 AND kind = 'session.chunk' AND idx > $2 ORDER BY idx LIMIT $3
      ) AS body
    ) AS r
    LEFT JOIN talosgate.session_content AS c
      ON c.session_id = $1::uuid AND c.seq = r.seq::bigint AND c.direction = r.direction
    ORDER BY r.idx`,
};
/** How the session began, by the log. */
export const started: Statement = {
  name: 'session.started',
  text: `SELECT convert_from(body, 'UTF8') AS body FROM talosgate.audit_log
    WHERE call_id = $1 AND kind = 'session.started' ORDER BY idx LIMIT 1`,
};
/** Whether and how the session has ended, by the log. */
export const end: Statement = {
  name: 'session.end',
  text: `SELECT convert_from(body, 'UTF8') AS body FROM talosgate.audit_log
    WHERE call_id = $1 AND kind IN ('session.ended', 'session.lost') ORDER BY idx LIMIT 1`,
};
