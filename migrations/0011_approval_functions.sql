-- The only ways to an approval for the gateway's login, which has no right to any table. Expected refusals are answers,
-- {"outcome": ..., "approval": ...} with the names of src/approvals/states.ts; whoever breaks a rule all the same meets the
-- guards of the previous migration. Time is the database's clock, so two replicas never differ about what has lapsed.

CREATE FUNCTION approval_ms(p_at timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE SET search_path = talosgate, pg_temp
AS $$ SELECT floor(extract(epoch FROM p_at) * 1000)::bigint $$;

CREATE FUNCTION approval_state_now(p_state text, p_expires_at timestamptz) RETURNS text
LANGUAGE sql VOLATILE SET search_path = talosgate, pg_temp
AS $$
  SELECT CASE WHEN p_state IN ('pending', 'approved') AND p_expires_at <= clock_timestamp() THEN 'expired' ELSE p_state END
$$;

-- An approval as src/approvals/rows.ts reads it. What has lapsed reads as expired before the sweep has got to it.
CREATE FUNCTION approval_json(p approval) RETURNS jsonb
LANGUAGE sql VOLATILE SET search_path = talosgate, pg_temp
AS $$
  SELECT jsonb_build_object(
    'id', p.id,
    'state', approval_state_now(p.state, p.expires_at),
    'requester', p.requester,
    'cluster', p.cluster,
    'node', p.node,
    'method', p.method,
    'action', p.action,
    'resource', p.resource,
    'binding', p.binding,
    'summary', p.summary,
    'reason', p.reason,
    'quorum', jsonb_build_object('approvals', p.needs, 'denials', p.denials),
    'createdAt', approval_ms(p.created_at),
    'expiresAt', approval_ms(p.expires_at),
    'claimWindowMs', (extract(epoch FROM p.claim_window) * 1000)::bigint,
    'claimedBy', p.claimed_by,
    'endedAt', CASE WHEN approval_state_now(p.state, p.expires_at) = p.state THEN approval_ms(p.ended_at)
      ELSE approval_ms(p.expires_at) END,
    'endReason', p.end_reason,
    'votes', coalesce((
      SELECT jsonb_agg(jsonb_build_object(
        'by', voter, 'groups', to_jsonb(groups), 'verdict', verdict, 'reason', reason, 'at', approval_ms(voted_at)
      ) ORDER BY voted_at, voter)
      FROM approval_vote WHERE approval_id = p.id), '[]'))
$$;

CREATE FUNCTION approval_answer(p_outcome text, p_id text) RETURNS jsonb
LANGUAGE sql VOLATILE SET search_path = talosgate, pg_temp
AS $$
  SELECT jsonb_build_object('outcome', p_outcome, 'approval', (SELECT approval_json(a) FROM approval AS a WHERE a.id = p_id))
$$;

-- An answer must not be given before it is on disk, whatever the session or the role has set.
CREATE FUNCTION approval_durably() RETURNS void
LANGUAGE plpgsql SET search_path = talosgate, pg_temp
AS $$
BEGIN
  IF current_setting('synchronous_commit') NOT IN ('on', 'remote_apply') THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;
END
$$;

-- Finds the open request or unused grant for the same binding, or raises a request. Outcomes: found, raised, too-many,
-- id-taken. `expired` lists what lapsed on the way, so that the caller can record it.
CREATE FUNCTION approval_request(
  p_id text, p_binding text, p_request_digest text, p_requester text, p_cluster text, p_node text, p_method text,
  p_action text, p_resource text, p_summary jsonb, p_reason text, p_needs jsonb, p_denials integer,
  p_pending_ms integer, p_claim_ms integer, p_max_open integer
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp
AS $$
DECLARE
  v_now timestamptz;
  v_found text;
  v_outcome text;
  v_expired jsonb;
BEGIN
  PERFORM approval_durably();
  -- Requests of one person come one after the other; otherwise two could pass the count at the same time.
  PERFORM pg_advisory_xact_lock(hashtextextended('talosgate.approval_request:' || p_requester, 0));
  v_now := clock_timestamp();
  WITH lapsed AS (
    UPDATE approval SET state = 'expired', ended_at = v_now
    WHERE (requester = p_requester OR binding = p_binding) AND state IN ('pending', 'approved') AND expires_at <= v_now
    RETURNING approval.*
  ) SELECT coalesce(jsonb_agg(approval_json(lapsed::approval)), '[]') INTO v_expired FROM lapsed;

  SELECT id INTO v_found FROM approval WHERE binding = p_binding AND state IN ('pending', 'approved');
  IF FOUND THEN
    v_outcome := 'found';
  ELSIF (SELECT count(*) FROM approval WHERE requester = p_requester AND state IN ('pending', 'approved')) >= p_max_open THEN
    v_outcome := 'too-many';
  ELSIF EXISTS (SELECT FROM approval WHERE id = p_id) THEN
    v_outcome := 'id-taken';
  ELSE
    INSERT INTO approval (id, binding, request_digest, requester, cluster, node, method, action, resource, summary, reason,
      needs, denials, state, created_at, expires_at, claim_window)
    VALUES (p_id, p_binding, p_request_digest, p_requester, p_cluster, p_node, p_method, p_action, p_resource, p_summary,
      p_reason, p_needs, p_denials, 'pending', v_now,
      v_now + least(greatest(p_pending_ms, 1), 3600000) * interval '1 millisecond',
      least(greatest(p_claim_ms, 1), 1800000) * interval '1 millisecond');
    v_found := p_id;
    v_outcome := 'raised';
  END IF;
  RETURN approval_answer(v_outcome, v_found) || jsonb_build_object('expired', v_expired);
END
$$;

-- Takes one person's vote and moves the request when it is enough. Outcomes: ok or a refusal; nothing changes then.
CREATE FUNCTION approval_vote(p_id text, p_voter text, p_groups text[], p_verdict text, p_reason text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp
AS $$
DECLARE
  v approval;
  v_now timestamptz;
BEGIN
  PERFORM approval_durably();
  SELECT * INTO v FROM approval WHERE id = p_id FOR UPDATE;
  IF NOT FOUND THEN RETURN approval_answer('not-found', p_id); END IF;
  v_now := clock_timestamp();
  IF lower(p_voter) = lower(v.requester) THEN RETURN approval_answer('own-request', p_id); END IF;
  IF v.state <> 'pending' THEN RETURN approval_answer('not-pending', p_id); END IF;
  IF v.expires_at <= v_now THEN RETURN approval_answer('lapsed', p_id); END IF;
  IF EXISTS (SELECT FROM approval_vote WHERE approval_id = p_id AND lower(voter) = lower(p_voter)) THEN
    RETURN approval_answer('voted-already', p_id);
  END IF;
  INSERT INTO approval_vote (approval_id, requester, voter, groups, verdict, reason, voted_at)
  VALUES (p_id, v.requester, p_voter, p_groups, p_verdict, p_reason, v_now);
  IF (SELECT count(*) FROM approval_vote WHERE approval_id = p_id AND verdict = 'deny') >= v.denials THEN
    UPDATE approval SET state = 'denied', ended_at = v_now WHERE id = p_id;
  ELSIF approval_quorum_met(p_id) THEN
    UPDATE approval SET state = 'approved', expires_at = v_now + claim_window WHERE id = p_id;
  END IF;
  RETURN approval_answer('ok', p_id);
END
$$;

-- The requester leaves: a request is cancelled, a grant withdrawn.
CREATE FUNCTION approval_cancel(p_id text, p_by text, p_why text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp
AS $$
DECLARE
  v approval;
  v_now timestamptz;
BEGIN
  PERFORM approval_durably();
  SELECT * INTO v FROM approval WHERE id = p_id FOR UPDATE;
  IF NOT FOUND THEN RETURN approval_answer('not-found', p_id); END IF;
  v_now := clock_timestamp();
  IF v.state NOT IN ('pending', 'approved') THEN RETURN approval_answer('not-pending', p_id); END IF;
  IF lower(p_by) <> lower(v.requester) THEN RETURN approval_answer('not-requester', p_id); END IF;
  IF v.expires_at <= v_now THEN RETURN approval_answer('lapsed', p_id); END IF;
  UPDATE approval
  SET state = CASE v.state WHEN 'pending' THEN 'cancelled' ELSE 'withdrawn' END, ended_at = v_now, end_reason = p_why
  WHERE id = p_id;
  RETURN approval_answer('ok', p_id);
END
$$;

-- Somebody who may decide takes a grant back before it is used.
CREATE FUNCTION approval_withdraw(p_id text, p_why text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp
AS $$
DECLARE
  v approval;
  v_now timestamptz;
BEGIN
  PERFORM approval_durably();
  SELECT * INTO v FROM approval WHERE id = p_id FOR UPDATE;
  IF NOT FOUND THEN RETURN approval_answer('not-found', p_id); END IF;
  v_now := clock_timestamp();
  IF v.state <> 'approved' THEN RETURN approval_answer('not-approved', p_id); END IF;
  IF v.expires_at <= v_now THEN RETURN approval_answer('lapsed', p_id); END IF;
  UPDATE approval SET state = 'withdrawn', ended_at = v_now, end_reason = p_why WHERE id = p_id;
  RETURN approval_answer('ok', p_id);
END
$$;

-- What was approved is over: ended, lost with its gateway, or revoked by somebody.
CREATE FUNCTION approval_end(p_id text, p_how text, p_why text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp
AS $$
DECLARE
  v approval;
BEGIN
  PERFORM approval_durably();
  SELECT * INTO v FROM approval WHERE id = p_id FOR UPDATE;
  IF NOT FOUND THEN RETURN approval_answer('not-found', p_id); END IF;
  IF v.state <> 'claimed' THEN RETURN approval_answer('not-claimed', p_id); END IF;
  UPDATE approval SET state = p_how, ended_at = clock_timestamp(), end_reason = p_why WHERE id = p_id;
  RETURN approval_answer('ok', p_id);
END
$$;

-- Uses a grant, once. Called inside audit_append_claimed only, in the transaction that makes the intent durable; the
-- gateway's login cannot call it, so there is no use without a record. Raises TG001 with a text for people otherwise.
CREATE FUNCTION approval_claim(p_id text, p_binding text, p_requester text, p_boot uuid, p_call_id uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp
AS $$
DECLARE
  v approval;
  v_now timestamptz;
  v_refusal text;
BEGIN
  SELECT * INTO v FROM approval WHERE id = p_id FOR UPDATE;
  v_now := clock_timestamp();
  v_refusal := CASE
    WHEN v.id IS NULL THEN 'does not exist'
    WHEN v.state = 'pending' THEN 'is not decided yet'
    WHEN v.state IN ('claimed', 'ended', 'lost', 'revoked') THEN 'was used already'
    WHEN v.state <> 'approved' THEN 'is ' || v.state
    WHEN v.expires_at <= v_now THEN 'has lapsed'
    WHEN v.requester IS DISTINCT FROM p_requester THEN 'was given to somebody else'
    WHEN v.binding IS DISTINCT FROM p_binding THEN 'is for another request'
  END;
  IF v_refusal IS NOT NULL THEN
    RAISE EXCEPTION 'approval % %', coalesce(p_id, '(none)'), v_refusal USING ERRCODE = 'TG001';
  END IF;
  INSERT INTO approval_use (approval_id, boot_id, call_id, used_at) VALUES (p_id, p_boot, p_call_id, v_now);
  UPDATE approval SET state = 'claimed', claimed_by = p_call_id WHERE id = p_id;
END
$$;

CREATE FUNCTION approval_get(p_id text) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = talosgate, pg_temp
AS $$ SELECT approval_json(a) FROM approval AS a WHERE a.id = p_id $$;

-- The open request or unused grant for a binding, if there is one.
CREATE FUNCTION approval_find(p_binding text) RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = talosgate, pg_temp
AS $$
  SELECT approval_json(a) FROM approval AS a
  WHERE a.binding = p_binding AND a.state IN ('pending', 'approved') AND a.expires_at > clock_timestamp()
$$;

-- Newest first. A null filter lets everything through.
CREATE FUNCTION approval_list(p_states text[], p_requester text, p_limit integer) RETURNS SETOF jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = talosgate, pg_temp
AS $$
  SELECT approval_json(a) FROM approval AS a
  WHERE (p_states IS NULL OR approval_state_now(a.state, a.expires_at) = ANY (p_states))
    AND (p_requester IS NULL OR a.requester = p_requester)
  ORDER BY a.created_at DESC, a.id
  LIMIT least(greatest(p_limit, 1), 500)
$$;

-- Where several approvals stand, for whoever waits for them.
CREATE FUNCTION approval_states(p_ids text[]) RETURNS TABLE (id text, state text)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = talosgate, pg_temp
AS $$ SELECT a.id, approval_state_now(a.state, a.expires_at) FROM approval AS a WHERE a.id = ANY (p_ids) $$;

-- Moves what has lapsed, each approval by one caller only, and returns it so that it can be recorded.
CREATE FUNCTION approval_expire(p_limit integer) RETURNS SETOF jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = talosgate, pg_temp
AS $$
  WITH due AS (
    SELECT id FROM approval
    WHERE state IN ('pending', 'approved') AND expires_at <= clock_timestamp()
    ORDER BY expires_at LIMIT least(greatest(p_limit, 1), 500) FOR UPDATE SKIP LOCKED
  ), lapsed AS (
    UPDATE approval SET state = 'expired', ended_at = clock_timestamp() FROM due WHERE approval.id = due.id
    RETURNING approval.*
  ) SELECT approval_json(lapsed::approval) FROM lapsed
$$;

GRANT EXECUTE ON FUNCTION
  approval_request(text, text, text, text, text, text, text, text, text, jsonb, text, jsonb, integer, integer, integer, integer),
  approval_vote(text, text, text[], text, text),
  approval_cancel(text, text, text),
  approval_withdraw(text, text),
  approval_end(text, text, text),
  approval_get(text),
  approval_find(text),
  approval_list(text[], text, integer),
  approval_states(text[]),
  approval_expire(integer)
  TO talosgate_writer;
