-- How far each receiver of exports has got. A record is delivered again until the cursor has moved beyond it, so a receiver
-- may see an index twice and never misses one.
CREATE TABLE export_cursor (
  sink text PRIMARY KEY CHECK (sink ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  next_idx bigint NOT NULL CHECK (next_idx >= 0),
  -- stopped: the receiver refuses the record at next_idx for what it is; somebody has to decide.
  state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'failing', 'stopped')),
  error text NOT NULL DEFAULT '',
  failing_since timestamptz,
  moved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Who delivers, or did last.
  replica text NOT NULL DEFAULT ''
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- Takes a sink for as long as the session lasts, and makes its cursor the first time: at the newest record, at the oldest,
-- or at an index. `taken` is false while another session delivers to it.
CREATE FUNCTION export_take(p_sink text, p_from text, p_replica text, OUT taken boolean, OUT next_idx bigint, OUT state text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
BEGIN
  taken := pg_try_advisory_lock(hashtextextended('talosgate.export.' || p_sink, 0));
  IF NOT taken THEN
    RETURN;
  END IF;
  INSERT INTO export_cursor AS c (sink, next_idx)
  SELECT p_sink, CASE p_from
    WHEN 'now' THEN (SELECT size FROM audit_head)
    WHEN 'beginning' THEN (SELECT coalesce(min(idx), 0) FROM audit_entry)
    ELSE p_from::bigint END
  ON CONFLICT (sink) DO NOTHING;
  UPDATE export_cursor AS c SET replica = left(p_replica, 255) WHERE c.sink = p_sink
  RETURNING c.next_idx, c.state INTO next_idx, state;
END
$$;

-- Moves a cursor from where the caller believes it to be; false when it is somewhere else. Never backwards, never beyond the log.
CREATE FUNCTION export_move(p_sink text, p_from bigint, p_to bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
BEGIN
  UPDATE export_cursor SET next_idx = p_to, state = 'running', error = '', failing_since = NULL, moved_at = clock_timestamp()
  WHERE sink = p_sink AND next_idx = p_from AND p_to > p_from AND p_to <= (SELECT size FROM audit_head);
  RETURN FOUND;
END
$$;

-- Writes down that a delivery failed, and whether trying again makes sense.
CREATE FUNCTION export_fail(p_sink text, p_stopped boolean, p_error text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
  UPDATE export_cursor SET state = CASE WHEN p_stopped THEN 'stopped' ELSE 'failing' END, error = left(p_error, 500),
    failing_since = coalesce(failing_since, clock_timestamp())
  WHERE sink = p_sink
$$;

-- Lets a stopped sink try again, from behind the record it refused when that one is named. False when it is not stopped
-- there. Whoever calls it has recorded it before.
CREATE FUNCTION export_resume(p_sink text, p_skip bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
BEGIN
  UPDATE export_cursor SET state = 'running', error = '', failing_since = NULL,
    next_idx = CASE WHEN p_skip IS NULL THEN next_idx ELSE next_idx + 1 END
  WHERE sink = p_sink AND state = 'stopped' AND (p_skip IS NULL OR next_idx = p_skip);
  RETURN FOUND;
END
$$;

-- Forgets a sink that is no longer in any configuration, so that it holds nothing back. False while somebody delivers to it.
CREATE FUNCTION export_forget(p_sink text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('talosgate.export.' || p_sink, 0)) THEN
    RETURN false;
  END IF;
  DELETE FROM export_cursor WHERE sink = p_sink;
  RETURN FOUND;
END
$$;

-- Every sink that was ever begun, how far the log is ahead of it, and when the next record for it was taken in.
CREATE FUNCTION export_sinks()
RETURNS TABLE (sink text, next_idx bigint, size bigint, state text, error text, failing_since timestamptz, moved_at timestamptz,
  replica text, waiting_since timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
  SELECT c.sink, c.next_idx, h.size, c.state, c.error, c.failing_since, c.moved_at, c.replica,
    (SELECT e.db_ts FROM audit_entry AS e WHERE e.idx = c.next_idx)
  FROM export_cursor AS c, audit_head AS h ORDER BY c.sink
$$;

GRANT EXECUTE ON FUNCTION export_take(text, text, text), export_move(text, bigint, bigint), export_fail(text, boolean, text),
  export_resume(text, bigint), export_forget(text), export_sinks() TO talosgate_writer;
