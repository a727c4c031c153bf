-- The whole write path of the log. `p_bodies` holds the canonical bodies one after the other, each with a zero byte before
-- it, `p_lengths` their lengths in bytes, `p_leaves` their leaf hashes of 32 bytes each. Not for callers: see audit_append.
--
-- The counter row of the boot comes first: a batch that continues it is appended; the very batch that it ended with is
-- recognised, so that an ambiguous commit can be asked for again; anything else is refused (TG010). Then the head row:
-- its lock is held until commit, hence no gaps, and no record becomes visible before an earlier one.
CREATE FUNCTION audit_append_batch(
  p_boot uuid, p_first_wseq bigint, p_lengths integer[], p_bodies bytea, p_leaves bytea,
  OUT first_idx bigint, OUT repeated boolean)
-- The plan is the same whatever the values are; making it anew for each batch costs more than running it.
LANGUAGE plpgsql SET search_path = talosgate, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  n constant integer := cardinality(p_lengths);
  digest constant bytea := sha256(p_leaves);
  writer audit_writer;
  intact boolean;
  begins boolean;
  closes boolean;
  unknowns integer;
  ended_calls text[];
  ended_legs integer[];
  ended_kinds text[];
  lost_boots text[];
  removed integer;
BEGIN
  -- For the transaction, not as a clause of the function: that one would be undone before the commit it is meant for.
  IF current_setting('synchronous_commit') NOT IN ('on', 'remote_apply') THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;
  PERFORM set_config('lock_timeout', '1s', true);
  IF n IS NULL OR n = 0 OR length(p_leaves) <> 32 * n THEN
    RAISE EXCEPTION 'malformed batch' USING ERRCODE = 'invalid_parameter_value';
  END IF;

  SELECT * INTO writer FROM audit_writer WHERE boot_id = p_boot FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'boot % is not open', p_boot USING ERRCODE = 'TG012';
  END IF;
  IF writer.last_first_wseq = p_first_wseq AND writer.last_wseq = p_first_wseq + n - 1 AND writer.last_digest = digest THEN
    first_idx := writer.last_first_idx;
    repeated := true;
    RETURN;
  END IF;
  IF writer.last_wseq <> p_first_wseq - 1 THEN
    RAISE EXCEPTION 'boot % stands at %, the batch begins at %', p_boot, writer.last_wseq, p_first_wseq
      USING ERRCODE = 'TG010';
  END IF;
  IF writer.closed_at IS NOT NULL THEN
    RAISE EXCEPTION 'boot % is closed', p_boot USING ERRCODE = 'TG012';
  END IF;

  UPDATE audit_head SET size = size + n RETURNING size - n INTO first_idx;
  repeated := false;

  WITH part AS MATERIALIZED (
    SELECT i, substring(p_bodies FROM (upto - len + i + 1)::integer FOR len) AS body,
      substring(p_leaves FROM (i * 32 - 31)::integer FOR 32) AS leaf
    FROM (SELECT i, len, sum(len) OVER (ORDER BY i) AS upto FROM unnest(p_lengths) WITH ORDINALITY AS l (len, i)) AS cut
  ), record AS MATERIALIZED (
    SELECT i, body, leaf, convert_from(body, 'UTF8')::jsonb AS doc FROM part
  ), inserted AS (
    INSERT INTO audit_entry (
      idx, kind, boot_id, wseq, call_id, leg, approval_id, gw_ts, mono_us, principal, principal_kind, groups, proofs,
      peer_address, peer_port, user_agent, method, action, risk, resource, cluster, node, asked, decision, reason, rule,
      policy_revision, request_digest, request, talos_role, grpc_code, grpc_message, end_cause, request_bytes,
      request_messages, response_bytes, response_messages, duration_us, details, schema_version, late, leaf, body)
    SELECT first_idx + i - 1, doc->>'kind', (doc->>'bootId')::uuid, (doc->>'wseq')::bigint, doc->>'callId',
      (doc->>'leg')::integer, doc->>'approvalId', (doc->>'time')::timestamptz, (doc->>'mono')::bigint,
      doc->>'principal', doc->>'principalKind', doc->'groups', doc->'proofs', doc->>'peerAddress',
      (doc->>'peerPort')::integer, doc->>'userAgent', doc->>'method', doc->>'action', doc->>'risk', doc->>'resource',
      doc->>'cluster', doc->>'node', doc->>'asked', doc->>'decision', doc->>'reason', doc->>'rule',
      doc->>'policyRevision', doc->>'requestDigest', doc->'request', doc->>'talosRole', (doc->>'grpcCode')::integer,
      doc->>'grpcMessage', doc->>'endCause', (doc->>'requestBytes')::bigint, (doc->>'requestMessages')::bigint,
      (doc->>'responseBytes')::bigint, (doc->>'responseMessages')::bigint, (doc->>'durationUs')::bigint,
      doc->'details', (doc->>'v')::integer,
      doc->>'kind' = 'call.outcome' AND doc ? 'callId'
        AND NOT EXISTS (
          SELECT FROM audit_open AS o WHERE o.call_id = doc->>'callId' AND o.leg = coalesce((doc->>'leg')::integer, 0))
        AND audit_has_ended(doc->>'callId', (doc->>'leg')::integer),
      leaf, body
    FROM record
    RETURNING idx, kind, boot_id, wseq, call_id, coalesce(leg, 0) AS leg, details
  ), opened AS (
    INSERT INTO audit_open (call_id, leg, boot_id, idx)
    SELECT call_id, leg, boot_id, idx FROM inserted WHERE kind = 'call.intent' AND call_id IS NOT NULL
    ON CONFLICT DO NOTHING
  )
  SELECT bool_and(boot_id = p_boot AND wseq = p_first_wseq + idx - first_idx), bool_or(kind = 'call.intent'),
    bool_or(kind = 'boot.close'), count(*) FILTER (WHERE kind = 'call.unknown'),
    array_agg(call_id) FILTER (WHERE kind IN ('call.outcome', 'call.unknown')),
    array_agg(leg) FILTER (WHERE kind IN ('call.outcome', 'call.unknown')),
    array_agg(kind) FILTER (WHERE kind IN ('call.outcome', 'call.unknown')),
    array_agg(details->>'boot') FILTER (WHERE kind = 'boot.lost')
  INTO intact, begins, closes, unknowns, ended_calls, ended_legs, ended_kinds, lost_boots
  FROM inserted;

  IF NOT intact THEN
    RAISE EXCEPTION 'a body names another boot or counter than its batch' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  -- A statement of its own, so that it sees the intents of this very batch too.
  IF ended_calls IS NOT NULL THEN
    WITH gone AS (
      DELETE FROM audit_open AS o USING unnest(ended_calls, ended_legs, ended_kinds) AS e (call_id, leg, kind)
      WHERE o.call_id = e.call_id AND o.leg = e.leg RETURNING e.kind
    ) SELECT count(*) FILTER (WHERE kind = 'call.unknown') INTO removed FROM gone;
    -- One end each: an unknown that comes second is turned away.
    IF removed <> unknowns THEN
      RAISE EXCEPTION 'a call in this batch has ended already' USING ERRCODE = 'TG011';
    END IF;
  END IF;
  IF lost_boots IS NOT NULL THEN
    UPDATE audit_writer SET lost_at = clock_timestamp()
    WHERE boot_id = ANY (lost_boots::uuid[]) AND lost_at IS NULL AND closed_at IS NULL;
    GET DIAGNOSTICS removed = ROW_COUNT;
    IF removed <> cardinality(lost_boots) THEN
      RAISE EXCEPTION 'a boot in this batch has ended already' USING ERRCODE = 'TG011';
    END IF;
  END IF;
  -- A boot that was declared lost may still bring late outcomes, but begin nothing that nobody would end.
  IF begins AND writer.lost_at IS NOT NULL THEN
    RAISE EXCEPTION 'boot % was declared lost', p_boot USING ERRCODE = 'TG012';
  END IF;

  UPDATE audit_writer SET last_wseq = p_first_wseq + n - 1, last_first_wseq = p_first_wseq,
    last_first_idx = audit_append_batch.first_idx, last_digest = digest,
    closed_at = CASE WHEN closes THEN clock_timestamp() END
  WHERE boot_id = p_boot;
END
$$;

-- Whether the log holds an end of this call. With no intent outstanding, a further outcome is late.
CREATE FUNCTION audit_has_ended(p_call text, p_leg integer) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = talosgate, pg_temp AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM audit_entry
    WHERE call_id = p_call AND coalesce(leg, 0) = coalesce(p_leg, 0) AND kind IN ('call.outcome', 'call.unknown'));
END
$$;

-- Appends a batch in one round trip and returns the index of its first record.
CREATE FUNCTION audit_append(p_boot uuid, p_first_wseq bigint, p_lengths integer[], p_bodies bytea, p_leaves bytea)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
DECLARE
  batch record;
BEGIN
  batch := audit_append_batch(p_boot, p_first_wseq, p_lengths, p_bodies, p_leaves);
  RETURN batch.first_idx;
END
$$;
GRANT EXECUTE ON FUNCTION audit_append(uuid, bigint, integer[], bytea, bytea) TO talosgate_writer;
