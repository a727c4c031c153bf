-- Lapses that are not in the log yet. Written by the very change of state, taken away once the record is durable: a gateway
-- that dies in between leaves the rest to the next one.
CREATE TABLE approval_lapse (
  approval_id text PRIMARY KEY REFERENCES approval,
  -- When somebody last set out to record it.
  taken_at timestamptz NOT NULL
);

CREATE FUNCTION approval_lapsed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
BEGIN
  INSERT INTO approval_lapse (approval_id, taken_at) VALUES (NEW.id, clock_timestamp()) ON CONFLICT DO NOTHING;
  RETURN NULL;
END
$$;
CREATE TRIGGER approval_lapsed AFTER UPDATE OF state ON approval
  FOR EACH ROW WHEN (NEW.state = 'expired' AND OLD.state <> 'expired') EXECUTE FUNCTION approval_lapsed();

-- Lapses that somebody set out to record half a minute ago and did not; each goes to one caller.
CREATE FUNCTION approval_lapses_due(p_limit integer) RETURNS SETOF jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
  WITH due AS (
    SELECT approval_id FROM approval_lapse WHERE taken_at < clock_timestamp() - interval '30 seconds'
    ORDER BY taken_at LIMIT least(greatest(p_limit, 1), 500) FOR UPDATE SKIP LOCKED
  ), taken AS (
    UPDATE approval_lapse AS l SET taken_at = clock_timestamp() FROM due
    WHERE l.approval_id = due.approval_id RETURNING l.approval_id
  ) SELECT approval_json(a) FROM approval AS a JOIN taken ON taken.approval_id = a.id
$$;

CREATE FUNCTION approval_lapse_recorded(p_id text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
  DELETE FROM approval_lapse WHERE approval_id = p_id
$$;

-- Grants that read as in use although the process that used them is gone and their call has its end in the log: `ended` when
-- that is an outcome, `lost` else.
CREATE FUNCTION approval_orphans(p_limit integer) RETURNS TABLE (id text, how text)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
  SELECT a.id, CASE WHEN EXISTS (
      SELECT FROM audit_entry AS e WHERE e.call_id = u.call_id::text AND e.kind = 'call.outcome') THEN 'ended' ELSE 'lost' END
  FROM approval AS a JOIN approval_use AS u ON u.approval_id = a.id JOIN audit_writer AS w ON w.boot_id = u.boot_id
  WHERE a.state = 'claimed' AND (w.closed_at IS NOT NULL OR w.lost_at IS NOT NULL)
    AND NOT EXISTS (SELECT FROM audit_open AS o WHERE o.call_id = u.call_id::text)
  LIMIT least(greatest(p_limit, 1), 500)
$$;

GRANT EXECUTE ON FUNCTION
  approval_lapses_due(integer), approval_lapse_recorded(text), approval_orphans(integer) TO talosgate_writer;
