CREATE TABLE audit_partition (
  lower bigint PRIMARY KEY,
  upper bigint NOT NULL UNIQUE,
  name text NOT NULL,
  CHECK (lower % 65536 = 0 AND upper % 65536 = 0 AND upper > lower)
);

-- Whole partitions that lie ahead of the one being filled.
CREATE FUNCTION audit_partitions_ahead() RETURNS integer
LANGUAGE sql STABLE SET search_path = talosgate, pg_temp AS $$
  SELECT count(*)::integer FROM audit_partition, audit_head WHERE lower > size
$$;

-- Makes partitions until four lie ahead, when fewer than two do. 2^20 records each: sixteen level-1 tiles of the tree, about a
-- day of a busy fleet. There is no default partition: it would forbid DETACH CONCURRENTLY. Returns how many lie ahead.
CREATE FUNCTION audit_partitions_extend() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
DECLARE
  width constant bigint := 16 * 65536;
  start bigint;
  child text;
BEGIN
  IF audit_partitions_ahead() >= 2 THEN
    RETURN audit_partitions_ahead();
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('talosgate.partitions'));
  WHILE audit_partitions_ahead() < 4 LOOP
    SELECT coalesce(max(upper), 0) INTO start FROM audit_partition;
    child := format('audit_entry_p%s', lpad((start / 65536)::text, 9, '0'));
    -- Attaching takes a far weaker lock on the log than creating a partition in place: appends go on.
    EXECUTE format('CREATE TABLE %I (LIKE audit_entry INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', child);
    EXECUTE format('REVOKE ALL ON %I FROM PUBLIC', child);
    EXECUTE format('CREATE TRIGGER audit_entry_no_truncate BEFORE TRUNCATE ON %I '
      'FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change()', child);
    EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER audit_entry_no_truncate', child);
    EXECUTE format('ALTER TABLE audit_entry ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', child, start, start + width);
    INSERT INTO audit_partition (lower, upper, name) VALUES (start, start + width, child);
  END LOOP;
  RETURN audit_partitions_ahead();
END
$$;
SELECT audit_partitions_extend();
GRANT EXECUTE ON FUNCTION audit_partitions_extend() TO talosgate_writer;
