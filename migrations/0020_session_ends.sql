-- The searchable copy of a session's end. The first end stays.
CREATE FUNCTION session_finish(p_id uuid, p_as text, p_cause text, p_exit integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
BEGIN
  PERFORM session_durably();
  UPDATE session SET ended_at = clock_timestamp(), ended_as = p_as, end_cause = p_cause, exit_code = p_exit
  WHERE id = p_id AND ended_at IS NULL;
END
$$;

-- Somebody ends a running session. Whoever runs it is woken, and looks by itself as well. Gives ok, not-found or over;
-- asked again, the first one who killed it stays.
CREATE FUNCTION session_kill(p_id uuid, p_by text, p_reason text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
DECLARE
  v session;
BEGIN
  PERFORM session_durably();
  SELECT * INTO v FROM session WHERE id = p_id FOR UPDATE;
  IF NOT FOUND THEN RETURN 'not-found'; END IF;
  IF v.ended_at IS NOT NULL THEN RETURN 'over'; END IF;
  IF v.killed_by IS NULL THEN
    UPDATE session SET killed_by = p_by, kill_reason = p_reason WHERE id = p_id;
  END IF;
  PERFORM pg_notify('talosgate_sessions', p_id::text);
  RETURN 'ok';
END
$$;

-- Which of these sessions have to end, and why: killed by somebody, or over already in the eyes of everybody else.
CREATE FUNCTION session_orders(p_ids uuid[])
RETURNS TABLE (id uuid, killed_by text, kill_reason text, ended_as text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
  SELECT s.id, s.killed_by, s.kill_reason, s.ended_as FROM session AS s
  WHERE s.id = ANY (p_ids) AND (s.killed_by IS NOT NULL OR s.ended_at IS NOT NULL)
$$;

-- Open sessions of processes that were declared lost or have closed, locked until the end of the transaction, so that one
-- replica takes care of each. `recorded`: the log holds the end already, only this table does not.
CREATE FUNCTION session_orphans(p_limit integer)
RETURNS TABLE (
  id uuid, boot_id uuid, approval_id text, principal text, cluster text, node text, resource text, emergency boolean,
  recorded boolean)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
  SELECT s.id, s.boot_id, s.approval_id, s.principal, s.cluster, s.node, s.resource,
    EXISTS (SELECT FROM approval AS a WHERE a.id = s.approval_id AND a.emergency),
    EXISTS (
      SELECT FROM audit_entry AS e
      WHERE e.call_id = s.id::text AND e.kind IN ('session.ended', 'session.lost'))
  FROM session AS s JOIN audit_writer AS w ON w.boot_id = s.boot_id
  WHERE s.ended_at IS NULL AND (w.lost_at IS NOT NULL OR w.closed_at < clock_timestamp() - interval '5 seconds')
  ORDER BY s.started_at LIMIT p_limit
  FOR UPDATE OF s SKIP LOCKED
$$;

GRANT EXECUTE ON FUNCTION
  session_finish(uuid, text, text, integer), session_kill(uuid, text, text), session_orders(uuid[]),
  session_orphans(integer)
  TO talosgate_writer;
