CREATE FUNCTION audit_boot_lock(p_boot uuid) RETURNS bigint
LANGUAGE sql IMMUTABLE SET search_path = talosgate, pg_temp AS $$
  SELECT hashtextextended('talosgate.boot.' || p_boot::text, 0)
$$;

-- Announces a boot, or a new connection of one, and takes its lock for as long as the session lasts. False when somebody
-- else holds the lock.
CREATE FUNCTION audit_boot_open(p_boot uuid, p_replica text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
BEGIN
  IF NOT pg_try_advisory_lock(audit_boot_lock(p_boot)) THEN
    RETURN false;
  END IF;
  INSERT INTO audit_writer (boot_id, replica) VALUES (p_boot, p_replica) ON CONFLICT DO NOTHING;
  INSERT INTO audit_beat (boot_id, connected_at, beat_at) VALUES (p_boot, clock_timestamp(), clock_timestamp())
    ON CONFLICT (boot_id) DO UPDATE SET connected_at = excluded.connected_at, beat_at = excluded.beat_at;
  RETURN true;
END
$$;

-- A sign of life. Says whether the boot was declared lost meanwhile, and how many whole partitions lie ahead.
CREATE FUNCTION audit_boot_beat(p_boot uuid, OUT lost boolean, OUT ahead integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
BEGIN
  UPDATE audit_beat SET beat_at = clock_timestamp() WHERE boot_id = p_boot;
  SELECT lost_at IS NOT NULL INTO lost FROM audit_writer WHERE boot_id = p_boot;
  ahead := audit_partitions_ahead();
END
$$;

-- Boots that need an end or have calls that need one: silent for `p_silence` with their lock free, or closed or declared
-- lost already with calls left open. Empty until the asking boot itself has been connected that long: after an outage
-- of the database everybody looks silent.
CREATE FUNCTION audit_boots_to_reap(p_boot uuid, p_silence interval)
RETURNS TABLE (boot_id uuid, ended boolean, last_wseq bigint, beat_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM audit_beat AS b WHERE b.boot_id = p_boot AND b.connected_at < clock_timestamp() - p_silence) THEN
    RETURN;
  END IF;
  RETURN QUERY
    SELECT w.boot_id, w.closed_at IS NOT NULL OR w.lost_at IS NOT NULL, w.last_wseq, b.beat_at
    FROM audit_writer AS w JOIN audit_beat AS b USING (boot_id)
    WHERE w.boot_id <> p_boot AND b.beat_at < clock_timestamp() - p_silence
      AND ((w.closed_at IS NULL AND w.lost_at IS NULL) OR EXISTS (SELECT FROM audit_open AS o WHERE o.boot_id = w.boot_id))
      AND pg_try_advisory_xact_lock(audit_boot_lock(w.boot_id))
    ORDER BY w.opened_at;
END
$$;

-- What is known of a boot's open calls, oldest first.
CREATE FUNCTION audit_open_calls(p_boot uuid, p_limit integer)
RETURNS TABLE (idx bigint, body text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
  SELECT e.idx, convert_from(e.body, 'UTF8') FROM audit_open AS o JOIN audit_entry AS e ON e.idx = o.idx
  WHERE o.boot_id = p_boot ORDER BY o.idx LIMIT p_limit
$$;

-- Newest migration, for the check at start.
CREATE FUNCTION schema_version() RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
  SELECT max(number) FROM migration
$$;

GRANT EXECUTE ON FUNCTION audit_boot_open(uuid, text), audit_boot_beat(uuid), audit_boots_to_reap(uuid, interval),
  audit_open_calls(uuid, integer), schema_version() TO talosgate_writer;
GRANT EXECUTE ON FUNCTION schema_version() TO talosgate_reader;
