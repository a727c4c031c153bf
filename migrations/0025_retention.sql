-- as: admin
-- Who may take old partitions out of the log, each time with a record that somebody else approved. The gateway cannot.
DO $do$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'talosgate_retention') THEN
    BEGIN
      CREATE ROLE talosgate_retention NOLOGIN;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL;
    END;
  END IF;
END
$do$;
GRANT USAGE ON SCHEMA talosgate TO talosgate_retention;

SET LOCAL ROLE talosgate_owner;

-- Nothing at or above `from_idx` is pruned while a hold stands. Ended holds stay, as what was once ordered.
CREATE TABLE audit_hold (
  name text PRIMARY KEY CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'),
  from_idx bigint NOT NULL CHECK (from_idx >= 0),
  reason text NOT NULL CHECK (reason <> ''),
  added_by text NOT NULL,
  added_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  removed_by text,
  removed_at timestamptz
);

-- False when there is, or was, a hold of this name.
CREATE FUNCTION audit_hold_add(p_name text, p_from bigint, p_reason text, p_by text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
BEGIN
  -- Before or after a prune, never beside it.
  PERFORM pg_advisory_xact_lock(hashtextextended('talosgate.prune', 0));
  INSERT INTO audit_hold (name, from_idx, reason, added_by) VALUES (p_name, p_from, left(p_reason, 500), left(p_by, 256))
  ON CONFLICT DO NOTHING;
  RETURN FOUND;
END
$$;

CREATE FUNCTION audit_hold_remove(p_name text, p_by text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
BEGIN
  UPDATE audit_hold SET removed_by = left(p_by, 256), removed_at = clock_timestamp() WHERE name = p_name AND removed_at IS NULL;
  RETURN FOUND;
END
$$;

CREATE FUNCTION audit_holds()
RETURNS TABLE (name text, from_idx bigint, reason text, added_by text, added_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
  SELECT h.name, h.from_idx, h.reason, h.added_by, h.added_at FROM audit_hold AS h WHERE h.removed_at IS NULL ORDER BY h.added_at
$$;

-- What the log is sealed as; null where it never was.
CREATE FUNCTION audit_current_origin() RETURNS text
LANGUAGE sql STABLE SET search_path = talosgate, pg_temp AS $$
  SELECT o.origin FROM audit_origin AS o WHERE NOT EXISTS (SELECT FROM audit_origin AS n WHERE n.follows = o.origin)
$$;

-- What is signed (origin, size, root, with spaces between) of the first checkpoint over all records below p_minimum. What is
-- added later is larger, so the answer stays the same. Null where there is none.
CREATE FUNCTION audit_prune_checkpoint(p_minimum bigint) RETURNS text
LANGUAGE sql STABLE SET search_path = talosgate, pg_temp AS $$
  SELECT replace(split_part(note, E'\n\n', 1), E'\n', ' ') FROM audit_checkpoint
  WHERE origin = audit_current_origin() AND size >= p_minimum ORDER BY size LIMIT 1
$$;

-- Why nothing below p_minimum may be taken out; null where nothing stands against it.
CREATE FUNCTION audit_prune_obstacle(p_minimum bigint) RETURNS text
LANGUAGE sql STABLE SET search_path = talosgate, pg_temp AS $$
  SELECT coalesce(
    (SELECT 'legal hold ' || h.name || ' keeps everything from record ' || h.from_idx FROM audit_hold AS h
     WHERE h.removed_at IS NULL AND h.from_idx < p_minimum ORDER BY h.from_idx LIMIT 1),
    (SELECT 'export sink ' || c.sink || ' has got the log only up to record ' || c.next_idx FROM export_cursor AS c
     WHERE c.next_idx < p_minimum ORDER BY c.next_idx LIMIT 1),
    (SELECT 'the call of record ' || o.idx || ' has no end yet' FROM audit_open AS o
     WHERE o.idx < p_minimum ORDER BY o.idx LIMIT 1),
    CASE WHEN audit_current_origin() IS NOT NULL AND audit_prune_checkpoint(p_minimum) IS NULL
      THEN 'records up to ' || p_minimum - 1 || ' are not sealed yet' END)
$$;

-- What could be taken out: whole partitions that end at or below `p_before`, or whose newest record the database took in
-- before `p_older`. `minimum` is what would be the lowest index then; equal to `first` when nothing can go.
CREATE FUNCTION audit_prune_plan(p_before bigint, p_older timestamptz,
  OUT first bigint, OUT minimum bigint, OUT first_ts timestamptz, OUT last_ts timestamptz, OUT ahead integer, OUT obstacle text,
  OUT checkpoint text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
DECLARE
  part record;
BEGIN
  SELECT min(lower) INTO first FROM audit_partition;
  minimum := first;
  ahead := audit_partitions_ahead();
  SELECT db_ts INTO first_ts FROM audit_entry WHERE idx = first;
  -- Only partitions that are full: the one being filled and those ahead stay.
  FOR part IN SELECT p.upper, e.db_ts FROM audit_partition AS p JOIN audit_entry AS e ON e.idx = p.upper - 1 ORDER BY p.lower LOOP
    EXIT WHEN part.upper > p_before OR part.db_ts >= p_older;
    minimum := part.upper;
    last_ts := part.db_ts;
  END LOOP;
  obstacle := audit_prune_obstacle(minimum);
  checkpoint := audit_prune_checkpoint(minimum);
END
$$;

-- How much of the log the database took in before `p_older`. By halving, for the log has no index by time; the clock of the
-- database may have been set back in between, so `over` is about right.
CREATE FUNCTION audit_retention_status(p_older timestamptz,
  OUT first bigint, OUT size bigint, OUT over bigint, OUT oldest timestamptz, OUT ahead integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
DECLARE
  low bigint;
  high bigint;
  middle bigint;
BEGIN
  SELECT h.size INTO size FROM audit_head AS h;
  SELECT e.idx, e.db_ts INTO first, oldest FROM audit_entry AS e ORDER BY e.idx LIMIT 1;
  first := coalesce(first, size);
  low := first;
  high := size;
  WHILE low < high LOOP
    middle := (low + high) / 2;
    IF (SELECT e.db_ts < p_older FROM audit_entry AS e WHERE e.idx = middle) THEN
      low := middle + 1;
    ELSE
      high := middle;
    END IF;
  END LOOP;
  over := low - first;
  ahead := audit_partitions_ahead();
END
$$;

-- Takes out the lowest partition that the record `p_record` allows, and says how many it leaves to take out. That record
-- is of kind audit.prune and used an approval for exactly this range. Where the log is sealed, the record is below the newest
-- checkpoint and names the one that covers what goes.
-- One partition a call, with a short wait for the lock: what waits for a lock on the log holds up every append behind it.
CREATE FUNCTION audit_prune(p_record bigint) RETURNS integer
LANGUAGE plpgsql SET search_path = talosgate, pg_temp SET lock_timeout = '250ms' AS $$
DECLARE
  said audit_entry;
  approved approval;
  new_minimum bigint;
  old_minimum bigint;
  obstacle text;
  part audit_partition;
  remaining integer;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('talosgate.prune', 0)) THEN
    RAISE EXCEPTION 'somebody else prunes right now' USING ERRCODE = 'TG030';
  END IF;
  SELECT * INTO said FROM audit_entry WHERE idx = p_record;
  IF said.kind IS DISTINCT FROM 'audit.prune' THEN
    RAISE EXCEPTION 'record % is no audit.prune', p_record USING ERRCODE = 'TG030';
  END IF;
  new_minimum := (said.details->>'minimum')::bigint;
  old_minimum := (said.details->>'former')::bigint;
  SELECT a.* INTO approved FROM approval AS a JOIN approval_use AS u ON u.approval_id = a.id WHERE a.id = said.approval_id;
  IF approved.id IS NULL OR approved.action <> 'audit.prune'
    OR approved.resource <> format('audit/%s-%s', old_minimum, new_minimum - 1) THEN
    RAISE EXCEPTION 'record % has no approval for records % to %', p_record, old_minimum, new_minimum - 1 USING ERRCODE = 'TG030';
  END IF;
  IF p_record < new_minimum THEN
    RAISE EXCEPTION 'record % would take itself out', p_record USING ERRCODE = 'TG030';
  END IF;
  IF audit_current_origin() IS NOT NULL THEN
    IF NOT EXISTS (SELECT FROM audit_checkpoint WHERE origin = audit_current_origin() AND size > p_record) THEN
      RAISE EXCEPTION 'record % is not sealed yet', p_record USING ERRCODE = 'TG030';
    END IF;
    IF said.details->>'checkpoint' IS DISTINCT FROM audit_prune_checkpoint(new_minimum) THEN
      RAISE EXCEPTION 'record % does not name the checkpoint over records % to %', p_record, old_minimum, new_minimum - 1
        USING ERRCODE = 'TG030';
    END IF;
  END IF;
  obstacle := audit_prune_obstacle(new_minimum);
  IF obstacle IS NOT NULL THEN
    RAISE EXCEPTION '%', obstacle USING ERRCODE = 'TG030';
  END IF;

  SELECT * INTO part FROM audit_partition ORDER BY lower LIMIT 1;
  IF part.lower >= new_minimum THEN
    RETURN 0;
  END IF;
  IF part.lower < old_minimum OR part.upper > new_minimum THEN
    RAISE EXCEPTION 'the log begins at %, record % is about % to %', part.lower, p_record, old_minimum, new_minimum - 1
      USING ERRCODE = 'TG030';
  END IF;
  -- Not CONCURRENTLY, which no function may do: whoever may run it by hand owns the log. See docs/decisions/0011-prunes-are-a-function.md.
  EXECUTE format('ALTER TABLE audit_entry DETACH PARTITION %I', part.name);
  EXECUTE format('DROP TABLE %I', part.name);
  DELETE FROM audit_partition WHERE lower = part.lower;
  -- What the log was searched by goes with it.
  DELETE FROM audit_search_term WHERE segment < part.upper / 16384;
  DELETE FROM audit_search_count WHERE segment < part.upper / 16384;
  SELECT count(*) INTO remaining FROM audit_partition WHERE upper <= new_minimum;
  RETURN remaining;
END
$$;

-- The same by the approval that the record used.
CREATE FUNCTION audit_prune_approved(p_approval text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
DECLARE
  record_idx bigint;
BEGIN
  SELECT idx INTO record_idx FROM audit_entry WHERE approval_id = p_approval AND kind = 'audit.prune';
  RETURN audit_prune(record_idx);
END
$$;

GRANT EXECUTE ON FUNCTION audit_hold_add(text, bigint, text, text), audit_hold_remove(text, text), audit_holds(),
  audit_prune_plan(bigint, timestamptz), audit_retention_status(timestamptz) TO talosgate_writer;
GRANT EXECUTE ON FUNCTION audit_prune_approved(text) TO talosgate_retention;
RESET ROLE;
