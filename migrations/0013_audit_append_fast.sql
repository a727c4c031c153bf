-- The write path of the log again, for fewer steps: an append of one record cost four times what a plain INSERT does, nearly
-- all of it for setting up statements. What is checked is the same.

-- The members of a body and the types of their columns, so that one call takes a body apart.
CREATE TYPE audit_body AS (
  "kind" text, "bootId" uuid, "wseq" bigint, "callId" text, "leg" integer, "approvalId" text, "time" timestamptz,
  "mono" bigint, "principal" text, "principalKind" text, "groups" jsonb, "proofs" jsonb, "peerAddress" text,
  "peerPort" integer, "userAgent" text, "method" text, "action" text, "risk" text, "resource" text, "cluster" text,
  "node" text, "asked" text, "decision" text, "reason" text, "rule" text, "policyRevision" text, "requestDigest" text,
  "request" jsonb, "talosRole" text, "grpcCode" integer, "grpcMessage" text, "endCause" text, "requestBytes" bigint,
  "requestMessages" bigint, "responseBytes" bigint, "responseMessages" bigint, "durationUs" bigint, "details" jsonb,
  "v" integer
);
REVOKE ALL ON TYPE audit_body FROM PUBLIC;

DROP FUNCTION audit_append_claimed(uuid, bigint, integer[], bytea, bytea, text, text, text);
DROP FUNCTION audit_append(uuid, bigint, integer[], bytea, bytea);
DROP FUNCTION audit_append_batch(uuid, bigint, integer[], bytea, bytea);

-- Appends a batch in one round trip and returns the index of its first record. `p_bodies` holds the canonical bodies one
-- after the other, each with a zero byte before it; `p_ends` says where each ends, counted in bytes from the beginning;
-- `p_leaves` are their leaf hashes of 32 bytes each.
--
-- The counter row of the boot comes first: a batch that continues it is appended, everything else is audit_not_next's to
-- answer. Then the head row: its lock is held until commit, hence no gaps, and no record becomes visible before an
-- earlier one.
CREATE FUNCTION audit_append(p_boot uuid, p_first_wseq bigint, p_ends integer[], p_bodies bytea, p_leaves bytea)
-- The plan is the same whatever the values are, and must stay good when many calls are open.
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = talosgate, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  n constant integer := cardinality(p_ends);
  digest constant bytea := sha256(p_leaves);
  was text;
  first_idx bigint;
  lost timestamptz;
  stored integer;
  begins boolean;
  end_kinds text[];
  end_calls text[];
  end_legs integer[];
BEGIN
  -- For the transaction, not as a clause of the function: that one would be undone before the commit it is meant for.
  IF current_setting('synchronous_commit') NOT IN ('on', 'remote_apply') THEN
    was := set_config('synchronous_commit', 'on', true);
  END IF;
  was := set_config('lock_timeout', '1s', true);
  IF n IS NULL OR n = 0 OR length(p_leaves) <> 32 * n THEN
    RAISE EXCEPTION 'malformed batch' USING ERRCODE = 'invalid_parameter_value';
  END IF;

  UPDATE audit_writer SET last_wseq = p_first_wseq + n - 1, last_first_wseq = p_first_wseq, last_digest = digest
  WHERE boot_id = p_boot AND last_wseq = p_first_wseq - 1 AND closed_at IS NULL
  RETURNING lost_at INTO lost;
  IF NOT FOUND THEN
    RETURN audit_not_next(p_boot, p_first_wseq, n, digest);
  END IF;
  UPDATE audit_head SET size = size + n RETURNING size - n INTO first_idx;

  WITH part AS MATERIALIZED (
    SELECT i, substring(p_bodies FROM coalesce(p_ends[i::integer - 1], 0) + 2 FOR upto - coalesce(p_ends[i::integer - 1], 0) - 1) AS body,
      substring(p_leaves FROM i::integer * 32 - 31 FOR 32) AS leaf
    FROM unnest(p_ends) WITH ORDINALITY AS e (upto, i)
  ), inserted AS (
    INSERT INTO audit_entry (
      idx, kind, boot_id, wseq, call_id, leg, approval_id, gw_ts, mono_us, principal, principal_kind, groups, proofs,
      peer_address, peer_port, user_agent, method, action, risk, resource, cluster, node, asked, decision, reason, rule,
      policy_revision, request_digest, request, talos_role, grpc_code, grpc_message, end_cause, request_bytes,
      request_messages, response_bytes, response_messages, duration_us, details, schema_version, late, leaf, body)
    SELECT first_idx + i - 1, r."kind", r."bootId", r."wseq", r."callId", r."leg", r."approvalId", r."time", r."mono",
      r."principal", r."principalKind", r."groups", r."proofs", r."peerAddress", r."peerPort", r."userAgent", r."method",
      r."action", r."risk", r."resource", r."cluster", r."node", r."asked", r."decision", r."reason", r."rule",
      r."policyRevision", r."requestDigest", r."request", r."talosRole", r."grpcCode", r."grpcMessage", r."endCause",
      r."requestBytes", r."requestMessages", r."responseBytes", r."responseMessages", r."durationUs", r."details", r."v",
      -- With no intent outstanding, a further outcome is late.
      CASE WHEN r."kind" <> 'call.outcome' OR r."callId" IS NULL THEN false
        WHEN (SELECT true FROM audit_open AS o WHERE o.call_id = r."callId" AND o.leg = coalesce(r."leg", 0)) THEN false
        ELSE audit_has_ended(r."callId", r."leg") END,
      leaf, body
    FROM part, json_populate_record(NULL::audit_body, convert_from(body, 'UTF8')::json) AS r
    -- A body that names another boot or counter than its batch is missing from the count.
    WHERE r."bootId" = p_boot AND r."wseq" = p_first_wseq + i - 1
    RETURNING idx, kind, call_id, leg
  ), opened AS (
    INSERT INTO audit_open (call_id, leg, boot_id, idx)
    SELECT call_id, coalesce(leg, 0), p_boot, idx FROM inserted WHERE kind = 'call.intent' AND call_id IS NOT NULL
    ON CONFLICT DO NOTHING
  )
  SELECT count(*), bool_or(kind = 'call.intent'), array_agg(kind) FILTER (WHERE ends),
    array_agg(call_id) FILTER (WHERE ends), array_agg(coalesce(leg, 0)) FILTER (WHERE ends)
  INTO stored, begins, end_kinds, end_calls, end_legs
  FROM (SELECT *, kind IN ('call.outcome', 'call.unknown', 'boot.lost', 'boot.close') AS ends FROM inserted) AS i;

  IF stored <> n THEN
    RAISE EXCEPTION 'a body names another boot or counter than its batch' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  -- A boot that was declared lost may still bring late outcomes, but begin nothing that nobody would end.
  IF begins AND lost IS NOT NULL THEN
    RAISE EXCEPTION 'boot % was declared lost', p_boot USING ERRCODE = 'TG012';
  END IF;
  IF end_kinds <@ ARRAY['call.outcome'] THEN
    -- A statement of its own, so that it sees the intents of this very batch too.
    DELETE FROM audit_open AS o USING unnest(end_calls, end_legs) AS e (call_id, leg)
    WHERE o.call_id = e.call_id AND o.leg = e.leg;
  ELSIF end_kinds IS NOT NULL THEN
    PERFORM audit_end(p_boot, first_idx, n, end_kinds, end_calls, end_legs);
  END IF;
  RETURN first_idx;
END
$$;
GRANT EXECUTE ON FUNCTION audit_append(uuid, bigint, integer[], bytea, bytea) TO talosgate_writer;

-- Answers a batch that does not continue its boot's counter. The very batch that the boot ended with is recognised, so that
-- an ambiguous commit can be asked for again; anything else is refused.
CREATE FUNCTION audit_not_next(p_boot uuid, p_first_wseq bigint, p_count integer, p_digest bytea) RETURNS bigint
LANGUAGE plpgsql SET search_path = talosgate, pg_temp AS $$
DECLARE
  writer audit_writer;
BEGIN
  SELECT * INTO writer FROM audit_writer WHERE boot_id = p_boot;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'boot % is not open', p_boot USING ERRCODE = 'TG012';
  END IF;
  IF writer.last_first_wseq = p_first_wseq AND writer.last_wseq = p_first_wseq + p_count - 1
    AND writer.last_digest = p_digest THEN
    RETURN (SELECT idx FROM audit_entry WHERE boot_id = p_boot AND wseq = p_first_wseq);
  END IF;
  IF writer.last_wseq <> p_first_wseq - 1 THEN
    RAISE EXCEPTION 'boot % stands at %, the batch begins at %', p_boot, writer.last_wseq, p_first_wseq
      USING ERRCODE = 'TG010';
  END IF;
  RAISE EXCEPTION 'boot % is closed', p_boot USING ERRCODE = 'TG012';
END
$$;

-- The ends in a batch when not all of them are outcomes: those that the reaper writes, and the end of a boot. One end each:
-- an unknown or a loss that comes second is turned away, and the batch with it.
CREATE FUNCTION audit_end(
  p_boot uuid, p_first_idx bigint, p_count integer, p_kinds text[], p_calls text[], p_legs integer[]) RETURNS void
LANGUAGE plpgsql SET search_path = talosgate, pg_temp SET enable_seqscan = off AS $$
DECLARE
  removed integer;
  lost_boots uuid[];
BEGIN
  WITH gone AS (
    DELETE FROM audit_open AS o USING unnest(p_kinds, p_calls, p_legs) AS e (kind, call_id, leg)
    WHERE e.kind IN ('call.outcome', 'call.unknown') AND o.call_id = e.call_id AND o.leg = e.leg RETURNING e.kind
  ) SELECT count(*) FILTER (WHERE kind = 'call.unknown') INTO removed FROM gone;
  IF removed <> cardinality(array_positions(p_kinds, 'call.unknown')) THEN
    RAISE EXCEPTION 'a call in this batch has ended already' USING ERRCODE = 'TG011';
  END IF;
  IF 'boot.lost' = ANY (p_kinds) THEN
    SELECT array_agg(details->>'boot') INTO lost_boots FROM audit_entry
    WHERE idx >= p_first_idx AND idx < p_first_idx + p_count AND kind = 'boot.lost';
    UPDATE audit_writer SET lost_at = clock_timestamp()
    WHERE boot_id = ANY (lost_boots) AND lost_at IS NULL AND closed_at IS NULL;
    GET DIAGNOSTICS removed = ROW_COUNT;
    IF removed <> cardinality(lost_boots) THEN
      RAISE EXCEPTION 'a boot in this batch has ended already' USING ERRCODE = 'TG011';
    END IF;
  END IF;
  IF 'boot.close' = ANY (p_kinds) THEN
    UPDATE audit_writer SET closed_at = clock_timestamp() WHERE boot_id = p_boot;
  END IF;
END
$$;

-- Appends a batch and uses up an approval in one transaction: both or neither. The same batch asked for again finds
-- both done. approval_claim raises TG001 when the approval cannot be claimed; then nothing was appended.
CREATE FUNCTION audit_append_claimed(
  p_boot uuid, p_first_wseq bigint, p_ends integer[], p_bodies bytea, p_leaves bytea,
  p_approval text, p_binding text, p_requester text)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
DECLARE
  stood bigint;
  first_idx bigint;
  call text;
BEGIN
  PERFORM set_config('lock_timeout', '1s', true);
  SELECT last_wseq INTO stood FROM audit_writer WHERE boot_id = p_boot FOR UPDATE;
  first_idx := audit_append(p_boot, p_first_wseq, p_ends, p_bodies, p_leaves);
  IF stood < p_first_wseq THEN
    SELECT call_id INTO call FROM audit_entry WHERE idx = first_idx;
    PERFORM approval_claim(p_approval, p_binding, p_requester, p_boot, call::uuid);
  END IF;
  RETURN first_idx;
END
$$;
GRANT EXECUTE ON FUNCTION
  audit_append_claimed(uuid, bigint, integer[], bytea, bytea, text, text, text) TO talosgate_writer;

-- Told by the index now.
ALTER TABLE audit_writer DROP COLUMN last_first_idx;
