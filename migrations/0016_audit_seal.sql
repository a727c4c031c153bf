-- The signed tree over the log (docs/audit.md, "Proof"). An origin is the name that checkpoints are signed under. There is
-- one, until somebody had to say that the log was forked: then the next one follows, with the reason and the record.
CREATE TABLE audit_origin (
  origin text PRIMARY KEY CHECK (origin <> ''),
  follows text UNIQUE REFERENCES audit_origin,
  reason text,
  -- Index of the record audit.fork.
  record_idx bigint,
  CHECK ((follows IS NULL) = (reason IS NULL) AND (follows IS NULL) = (record_idx IS NULL))
);
CREATE UNIQUE INDEX audit_origin_first ON audit_origin ((follows IS NULL)) WHERE follows IS NULL;

-- No column that the note does not say or another row does not confirm: each is compared by the verifier.
CREATE TABLE audit_checkpoint (
  origin text NOT NULL REFERENCES audit_origin,
  size bigint NOT NULL,
  -- Size of the checkpoint before, 0 for the first of an origin.
  previous bigint NOT NULL CHECK (previous >= 0 AND previous < size),
  root bytea NOT NULL CHECK (length(root) = 32),
  note text NOT NULL,
  PRIMARY KEY (origin, size)
);

-- Leaf hashes that a checkpoint added: what shows which record was changed where no tile is full yet.
CREATE TABLE audit_leaf_run (
  origin text NOT NULL REFERENCES audit_origin,
  first bigint NOT NULL CHECK (first >= 0),
  leaves bytea NOT NULL CHECK (length(leaves) > 0 AND length(leaves) % 32 = 0),
  PRIMARY KEY (origin, first)
);

-- Full tiles, 256 hashes wide (C2SP tlog-tiles).
CREATE TABLE audit_tile (
  origin text NOT NULL REFERENCES audit_origin,
  level integer NOT NULL CHECK (level >= 0),
  n bigint NOT NULL CHECK (n >= 0),
  hashes bytea NOT NULL CHECK (length(hashes) = 8192),
  PRIMARY KEY (origin, level, n)
);

-- What witnesses answered: a signature line each.
CREATE TABLE audit_cosignature (
  origin text NOT NULL,
  size bigint NOT NULL,
  witness text NOT NULL,
  line text NOT NULL,
  PRIMARY KEY (origin, size, witness),
  FOREIGN KEY (origin, size) REFERENCES audit_checkpoint
);

DO $do$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['audit_origin', 'audit_checkpoint', 'audit_leaf_run', 'audit_tile', 'audit_cosignature'] LOOP
    EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION audit_refuse_change()',
      name || '_no_change', name);
    EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change()',
      name || '_no_truncate', name);
    EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', name, name || '_no_change');
    EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', name, name || '_no_truncate');
  END LOOP;
END
$do$;

-- Adds a checkpoint with the leaf hashes and the tiles that it brings, all or nothing. False when the newest checkpoint
-- of the origin is not the one of `p_previous` records: somebody else was first, or the database is not what it was.
CREATE FUNCTION audit_seal(
  p_origin text, p_previous bigint, p_size bigint, p_root bytea, p_note text, p_first bigint, p_leaves bytea,
  p_levels integer[], p_numbers bigint[], p_tiles bytea)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
DECLARE
  newest bigint;
BEGIN
  IF current_setting('synchronous_commit') NOT IN ('on', 'remote_apply') THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;
  PERFORM set_config('lock_timeout', '1s', true);
  PERFORM pg_advisory_xact_lock(hashtextextended('talosgate.checkpoint', 0));
  IF NOT EXISTS (SELECT FROM audit_origin) THEN
    INSERT INTO audit_origin (origin) VALUES (p_origin);
  ELSIF NOT EXISTS (SELECT FROM audit_origin WHERE origin = p_origin) THEN
    RAISE EXCEPTION 'the log is not sealed as %; see "talosgate audit fork"', p_origin USING ERRCODE = 'TG020';
  ELSIF EXISTS (SELECT FROM audit_origin WHERE follows = p_origin) THEN
    RAISE EXCEPTION 'the log is no longer sealed as %', p_origin USING ERRCODE = 'TG020';
  END IF;
  SELECT coalesce(max(size), 0) INTO newest FROM audit_checkpoint WHERE origin = p_origin;
  IF newest <> p_previous THEN
    RETURN false;
  END IF;
  IF p_size > (SELECT size FROM audit_head) OR length(p_leaves) <> 32 * (p_size - p_first) OR p_first < p_previous
    OR length(p_tiles) <> 8192 * cardinality(p_levels) OR cardinality(p_levels) <> cardinality(p_numbers) THEN
    RAISE EXCEPTION 'malformed checkpoint' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  INSERT INTO audit_checkpoint (origin, size, previous, root, note) VALUES (p_origin, p_size, p_previous, p_root, p_note);
  INSERT INTO audit_leaf_run (origin, first, leaves) VALUES (p_origin, p_first, p_leaves);
  INSERT INTO audit_tile (origin, level, n, hashes)
    SELECT p_origin, level, n, substring(p_tiles FROM ((i - 1) * 8192 + 1)::integer FOR 8192)
    FROM unnest(p_levels, p_numbers) WITH ORDINALITY AS t (level, n, i);
  RETURN true;
END
$$;

-- Keeps what a witness signed; the first answer for a checkpoint stays.
CREATE FUNCTION audit_cosign(p_origin text, p_size bigint, p_witness text, p_line text)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
  INSERT INTO audit_cosignature (origin, size, witness, line) VALUES (p_origin, p_size, p_witness, p_line)
  ON CONFLICT DO NOTHING
$$;

-- Says that from here on the log is sealed under another name, because it is not what was signed before. For whoever owns
-- the database; "talosgate audit fork" writes the record first and then calls it.
CREATE FUNCTION audit_open_origin(p_origin text, p_follows text, p_reason text, p_record bigint)
RETURNS void LANGUAGE sql SET search_path = talosgate, pg_temp AS $$
  INSERT INTO audit_origin (origin, follows, reason, record_idx) VALUES (p_origin, p_follows, p_reason, p_record)
$$;

GRANT EXECUTE ON FUNCTION
  audit_seal(text, bigint, bigint, bytea, text, bigint, bytea, integer[], bigint[], bytea),
  audit_cosign(text, bigint, text, text)
  TO talosgate_sealer;

CREATE VIEW audit_seal_entry AS SELECT idx, leaf, body FROM audit_entry;
CREATE VIEW audit_size AS SELECT size FROM audit_head;
CREATE VIEW audit_origins AS SELECT * FROM audit_origin;
CREATE VIEW audit_checkpoints AS SELECT * FROM audit_checkpoint;
CREATE VIEW audit_leaf_runs AS SELECT * FROM audit_leaf_run;
CREATE VIEW audit_tiles AS SELECT * FROM audit_tile;
CREATE VIEW audit_cosignatures AS SELECT * FROM audit_cosignature;
GRANT SELECT ON audit_seal_entry TO talosgate_sealer;
GRANT SELECT ON audit_size, audit_origins, audit_checkpoints, audit_leaf_runs, audit_tiles, audit_cosignatures
  TO talosgate_sealer, talosgate_reader;
