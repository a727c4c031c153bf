-- Recorded debug sessions. The log is what counts; these tables hold what would not fit into it.
--
-- A session has the id of its call. Each stretch of it is one chunk: ciphertext of at most 64 KiB of recording, made by
-- src/sessions/cipher.ts. A chunk is stored first, in a commit of its own outside the lock of the log, and counts from the
-- moment its audit record is durable: kind session.chunk, call_id = session, details.seq (from 0, without gaps),
-- details.sha256 (of the ciphertext, hex), details.direction (in, out), details.size (of the ciphertext). Only then are its
-- bytes passed on. A chunk without a record was never passed on and does not count; a record without its chunk, or with
-- another hash, means that somebody has been at the table. session.started names the hash of `keys`, session.ended the
-- number of chunks. All of it is checked without any key.
CREATE TABLE session (
  id uuid PRIMARY KEY,
  boot_id uuid NOT NULL,
  approval_id text,
  principal text NOT NULL,
  cluster text NOT NULL,
  node text NOT NULL,
  resource text NOT NULL,
  -- The data key of the session, wrapped once for each holder: src/sessions/keys.ts. As text, because it is hashed.
  keys text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- A searchable copy of session.ended or session.lost.
  ended_at timestamptz,
  ended_as text CHECK (ended_as IN ('ended', 'lost')),
  end_cause text,
  exit_code integer,
  killed_by text,
  kill_reason text,
  CHECK ((ended_at IS NULL) = (ended_as IS NULL)),
  CHECK ((killed_by IS NULL) = (kill_reason IS NULL))
);
CREATE INDEX session_newest ON session (started_at DESC, id);
CREATE INDEX session_open ON session (boot_id) WHERE ended_at IS NULL;

CREATE TABLE session_chunk (
  session_id uuid NOT NULL,
  seq bigint NOT NULL CHECK (seq >= 0),
  direction text NOT NULL CHECK (direction IN ('in', 'out')),
  ciphertext bytea NOT NULL,
  PRIMARY KEY (session_id, seq)
);
-- Ciphertext does not shrink; trying costs.
ALTER TABLE session_chunk ALTER COLUMN ciphertext SET STORAGE EXTERNAL;

-- Nobody changes a chunk. Taking whole sessions away is what retention does.
CREATE FUNCTION session_chunk_refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = talosgate, pg_temp AS $$
BEGIN
  RAISE EXCEPTION '% on % is refused: recordings are append-only', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER session_chunk_no_change BEFORE UPDATE ON session_chunk
  FOR EACH ROW EXECUTE FUNCTION session_chunk_refuse_change();
ALTER TABLE session_chunk ENABLE ALWAYS TRIGGER session_chunk_no_change;
CREATE TRIGGER session_chunk_no_truncate BEFORE TRUNCATE ON session_chunk
  FOR EACH STATEMENT EXECUTE FUNCTION session_chunk_refuse_change();
ALTER TABLE session_chunk ENABLE ALWAYS TRIGGER session_chunk_no_truncate;

-- For the transaction, not as a clause of the function: that one would be undone before the commit it is meant for.
CREATE FUNCTION session_durably() RETURNS void
LANGUAGE plpgsql SET search_path = talosgate, pg_temp AS $$
BEGIN
  IF current_setting('synchronous_commit') NOT IN ('on', 'remote_apply') THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;
END
$$;

-- Announces a session. Asking again after a lost answer is safe.
CREATE FUNCTION session_begin(
  p_id uuid, p_boot uuid, p_approval text, p_principal text, p_cluster text, p_node text, p_resource text, p_keys text)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
BEGIN
  PERFORM session_durably();
  INSERT INTO session (id, boot_id, approval_id, principal, cluster, node, resource, keys)
  VALUES (p_id, p_boot, p_approval, p_principal, p_cluster, p_node, p_resource, p_keys)
  ON CONFLICT (id) DO NOTHING;
END
$$;

-- Stores chunks of any number of sessions in one round trip; `p_data` holds the ciphertexts one after the other. The same
-- chunk may come again after a lost answer. Gives the sessions that take no more because they have ended or were declared
-- lost: nothing of theirs was stored.
CREATE FUNCTION session_store(
  p_sessions uuid[], p_seqs bigint[], p_directions text[], p_lengths integer[], p_data bytea)
RETURNS SETOF uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
BEGIN
  PERFORM session_durably();
  IF (SELECT coalesce(sum(l), 0) FROM unnest(p_lengths) AS l) <> length(p_data) THEN
    RAISE EXCEPTION 'malformed chunks' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  INSERT INTO session_chunk (session_id, seq, direction, ciphertext)
  SELECT c.id, c.seq, c.direction, substring(p_data FROM (c.upto - c.len + 1)::integer FOR c.len)
  FROM (
    SELECT id, seq, direction, len, sum(len) OVER (ORDER BY i) AS upto
    FROM unnest(p_sessions, p_seqs, p_directions, p_lengths) WITH ORDINALITY AS u (id, seq, direction, len, i)
  ) AS c
  WHERE EXISTS (SELECT FROM session AS s WHERE s.id = c.id AND s.ended_at IS NULL)
  ON CONFLICT (session_id, seq) DO NOTHING;
  RETURN QUERY
    SELECT DISTINCT u.id FROM unnest(p_sessions) AS u (id)
    WHERE NOT EXISTS (SELECT FROM session AS s WHERE s.id = u.id AND s.ended_at IS NULL);
END
$$;

-- What a reader sees: the ciphertext and the wrapped keys, which open nothing by themselves.
CREATE VIEW session_list AS
  SELECT s.*, EXISTS (SELECT FROM approval AS a WHERE a.id = s.approval_id AND a.emergency) AS emergency
  FROM session AS s;
CREATE VIEW session_content AS SELECT session_id, seq, direction, ciphertext FROM session_chunk;
GRANT SELECT ON session_list, session_content TO talosgate_reader;

GRANT EXECUTE ON FUNCTION
  session_begin(uuid, uuid, text, text, text, text, text, text),
  session_store(uuid[], bigint[], text[], integer[], bytea)
  TO talosgate_writer;
