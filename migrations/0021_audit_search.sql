-- What the log is searched by. Nothing of this is written when a record is appended: once 16,384 records (a segment) are
-- complete, audit_search_step() lists which of them hold which value, as a bitmap for each value. Any combination of
-- filters is then an AND over small bitmaps, whatever the values are. All of it can be made again from the log; it is no
-- part of what is proved.
CREATE TABLE audit_search_segment (
  -- The records segment * 16384 up to, not with, (segment + 1) * 16384.
  segment integer PRIMARY KEY,
  records integer NOT NULL,
  -- Least and greatest gw_ts in it; null when nothing was left of it when its turn came.
  first_ts timestamptz,
  last_ts timestamptz
);

CREATE TABLE audit_search_term (
  field text COLLATE "C" NOT NULL,
  -- First 512 characters.
  value text COLLATE "C" NOT NULL,
  segment integer NOT NULL,
  -- Nine bytes for each 64 records of which at least one has the value: which 64, then one bit each, first record first.
  words bytea NOT NULL,
  PRIMARY KEY (field, value, segment)
);
-- At most 2,304 bytes, read by the thousand: neither compressed nor kept elsewhere.
ALTER TABLE audit_search_term ALTER COLUMN words SET STORAGE PLAIN;

-- Node calls of a segment: began (allowed or refused) by who, action, decision and node; ended by outcome.
CREATE TABLE audit_search_count (
  segment integer NOT NULL,
  field text COLLATE "C" NOT NULL,
  value text COLLATE "C" NOT NULL,
  n integer NOT NULL,
  PRIMARY KEY (segment, field, value)
);

-- Keyed digests that stand in a record in place of values.
CREATE FUNCTION audit_digests(p_request jsonb, p_details jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = talosgate, pg_temp AS $$
  SELECT array_agg(DISTINCT digest #>> '{}') FROM (
    SELECT jsonb_path_query(p_request, 'strict $.**.digest') AS digest
    UNION ALL SELECT jsonb_path_query(p_details, 'strict $.**.digest')) AS found
$$;

-- Makes the lists of the next complete segment, if there is one and nobody else is at it. Returns how many are left.
CREATE FUNCTION audit_search_step() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp
SET work_mem = '64MB' SET jit = off SET enable_memoize = off AS $$
DECLARE
  width constant bigint := 16384;
  next integer;
  complete integer;
  base bigint;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('talosgate.search', 0)) THEN
    RETURN 0;
  END IF;
  SELECT coalesce(max(segment) + 1, 0) INTO next FROM audit_search_segment;
  SELECT size / width INTO complete FROM audit_head;
  IF next >= complete THEN
    RETURN 0;
  END IF;
  base := next * width;
  -- What is lost in a crash is made again.
  PERFORM set_config('synchronous_commit', 'off', true);

  WITH record AS MATERIALIZED (
    SELECT (idx - base)::integer AS o, kind, gw_ts, principal, groups, peer_address, method, action, risk, resource, cluster,
      node, decision, reason, rule, grpc_code, end_cause, late,
      -- Few records have one, and looking closely costs more than all the rest.
      CASE WHEN request::text LIKE '%"digest"%' OR details::text LIKE '%"digest"%' THEN audit_digests(request, details) END
        AS digests
    FROM audit_entry WHERE idx >= base AND idx < base + width
  ), peer AS MATERIALIZED (
    -- As text that sorts as addresses do: 8 hexadecimal digits for IPv4, 32 for IPv6.
    SELECT address, CASE WHEN pg_input_is_valid(plain, 'inet') THEN encode(substring(inet_send(plain::inet) FROM 5), 'hex') END
      AS key
    FROM (SELECT DISTINCT peer_address AS address, split_part(regexp_replace(peer_address, '^::ffff:(?=\d+\.)', '', 'i'), '%', 1)
      AS plain FROM record) AS p
  ), posting AS (
    SELECT field, value, o FROM record, LATERAL (VALUES
      ('action', action), ('cluster', cluster), ('code', grpc_code::text), ('decision', decision), ('end', end_cause),
      ('kind', kind), ('method', method), ('node', node), ('reason', reason), ('resource', resource), ('risk', risk),
      ('rule', rule), ('who', principal)) AS v (field, value) WHERE value IS NOT NULL
    UNION ALL SELECT 'peer', key, o FROM record JOIN peer ON address = peer_address WHERE key IS NOT NULL
    UNION ALL SELECT 'group', value, o FROM record, jsonb_array_elements_text(groups) AS value
    UNION ALL SELECT 'digest', value, o FROM record, unnest(digests) AS value
  ), word AS (
    SELECT field COLLATE "C" AS field, left(value, 512) COLLATE "C" AS value, o >> 6 AS word, bit_or(1::bigint << (63 - (o & 63))) AS bits
    FROM posting GROUP BY 1, 2, 3
  ), terms AS (
    INSERT INTO audit_search_term (field, value, segment, words)
    SELECT field, value, next, string_agg(set_byte('\x00', 0, word) || int8send(bits), '' ORDER BY word)
    FROM word GROUP BY field, value
  ), counts AS (
    INSERT INTO audit_search_count (segment, field, value, n)
    SELECT next, field, left(value, 512), count(*) FROM record, LATERAL (VALUES
      ('who', principal), ('action', action), ('node', node), ('decision', decision)) AS v (field, value)
    WHERE kind IN ('call.intent', 'call.deny') AND value IS NOT NULL GROUP BY 2, 3
    UNION ALL
    SELECT next, 'outcome', CASE kind WHEN 'call.unknown' THEN 'unknown' ELSE coalesce(grpc_code::text, 'unknown') END, count(*)
    FROM record WHERE kind IN ('call.outcome', 'call.unknown') AND NOT late GROUP BY 3
  )
  INSERT INTO audit_search_segment (segment, records, first_ts, last_ts)
  SELECT next, count(*), min(gw_ts), max(gw_ts) FROM record;
  RETURN complete - next - 1;
END
$$;
GRANT EXECUTE ON FUNCTION audit_search_step() TO talosgate_writer;
GRANT EXECUTE ON FUNCTION audit_digests(jsonb, jsonb) TO talosgate_reader;

CREATE VIEW audit_segment AS SELECT * FROM audit_search_segment;
CREATE VIEW audit_term AS SELECT * FROM audit_search_term;
CREATE VIEW audit_count AS SELECT * FROM audit_search_count;
GRANT SELECT ON audit_segment, audit_term, audit_count TO talosgate_reader;

-- Each cost every append, and none helped where two filters had to hold.
DROP INDEX audit_entry_principal, audit_entry_method, audit_entry_node, audit_entry_time;
