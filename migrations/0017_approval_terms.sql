-- What a rule may ask of an approval beyond the number of people (a start in the future, a shorter session, reasons and
-- signatures of those who decide), who ended it, and an event for every step, in the transaction of the step.
-- What must never be done here: a NOTIFY in the transaction of a claim. It would put every audit append behind one lock.

ALTER TABLE approval
  -- A grant cannot be used before. Null: at once.
  ADD COLUMN not_before timestamptz CHECK (not_before <= created_at + interval '7 days'),
  -- Longest use of the grant. Null: what the configuration says.
  ADD COLUMN session_limit interval CHECK (session_limit > interval '0' AND session_limit <= interval '4 hours'),
  ADD COLUMN decision_reason boolean NOT NULL DEFAULT false,
  ADD COLUMN signed_decisions boolean NOT NULL DEFAULT false,
  -- Who took it back or stopped what ran on it; '' where it came to its end by itself.
  ADD COLUMN ended_by text NOT NULL DEFAULT '';

ALTER TABLE approval_vote
  -- Over the statement of src/core/decision-statement.ts, base64; made with the key of the voter's client certificate.
  ADD COLUMN signature text CHECK (length(signature) BETWEEN 1 AND 2000),
  -- SubjectPublicKeyInfo of that certificate, base64, so that the signature can be checked without the certificate.
  ADD COLUMN public_key text CHECK (length(public_key) BETWEEN 1 AND 2000),
  -- SHA-256 over it, hex.
  ADD COLUMN key_fingerprint text CHECK (key_fingerprint ~ '^[0-9a-f]{64}$'),
  ADD CONSTRAINT approval_vote_signature CHECK (num_nulls(signature, public_key, key_fingerprint) IN (0, 3));

-- One row for each step, for whoever tells people. Written by the triggers below only, read through approval_events.
CREATE TABLE approval_event (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
  approval_id text NOT NULL REFERENCES approval (id),
  kind text NOT NULL CHECK (kind IN (
    'requested', 'voted', 'approved', 'claimed', 'ended', 'denied', 'expired', 'cancelled', 'withdrawn', 'revoked', 'lost',
    'review-opened', 'review-closed')),
  happened_at timestamptz NOT NULL,
  details jsonb NOT NULL CHECK (jsonb_typeof(details) = 'object')
);
CREATE INDEX approval_event_order ON approval_event (transaction, id);
CREATE INDEX approval_event_approval ON approval_event (approval_id);
CREATE TRIGGER approval_event_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON approval_event
  FOR EACH STATEMENT EXECUTE FUNCTION approval_refuse_change();

CREATE FUNCTION approval_moved() RETURNS trigger
LANGUAGE plpgsql SET search_path = talosgate, pg_temp
AS $$
BEGIN
  INSERT INTO approval_event (approval_id, kind, happened_at, details)
  VALUES (NEW.id, CASE NEW.state WHEN 'pending' THEN 'requested' ELSE NEW.state END, clock_timestamp(),
    CASE NEW.state
      WHEN 'pending' THEN jsonb_build_object('reason', NEW.reason)
      WHEN 'claimed' THEN jsonb_build_object('callId', NEW.claimed_by)
      ELSE jsonb_build_object('by', NEW.ended_by, 'why', NEW.end_reason) END);
  IF NEW.state <> 'claimed' THEN
    PERFORM pg_notify('talosgate_approval', NEW.id);
  END IF;
  RETURN NULL;
END
$$;

CREATE FUNCTION approval_voted() RETURNS trigger
LANGUAGE plpgsql SET search_path = talosgate, pg_temp
AS $$
BEGIN
  INSERT INTO approval_event (approval_id, kind, happened_at, details)
  VALUES (NEW.approval_id, 'voted', NEW.voted_at, jsonb_build_object(
    'by', NEW.voter, 'verdict', NEW.verdict, 'reason', NEW.reason, 'signed', NEW.signature IS NOT NULL));
  RETURN NULL;
END
$$;

CREATE TRIGGER approval_moved AFTER INSERT OR UPDATE ON approval FOR EACH ROW EXECUTE FUNCTION approval_moved();
CREATE TRIGGER approval_voted AFTER INSERT ON approval_vote FOR EACH ROW EXECUTE FUNCTION approval_voted();

-- As in migration 10, and: the new columns cannot be changed either, and a grant for later lasts from its start.
CREATE OR REPLACE FUNCTION approval_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = talosgate, pg_temp
AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'pending' THEN
      RAISE EXCEPTION 'an approval starts as pending' USING ERRCODE = 'TG002';
    END IF;
    RETURN NEW;
  END IF;
  IF to_jsonb(NEW) - '{state,expires_at,claimed_by,ended_at,end_reason,ended_by}'::text[]
    IS DISTINCT FROM to_jsonb(OLD) - '{state,expires_at,claimed_by,ended_at,end_reason,ended_by}'::text[] THEN
    RAISE EXCEPTION 'what approval % is about cannot be changed', OLD.id USING ERRCODE = 'TG002';
  END IF;
  IF (OLD.state, NEW.state) NOT IN (
    ('pending', 'approved'), ('pending', 'denied'), ('pending', 'expired'), ('pending', 'cancelled'),
    ('approved', 'claimed'), ('approved', 'expired'), ('approved', 'withdrawn'),
    ('claimed', 'ended'), ('claimed', 'revoked'), ('claimed', 'lost')) THEN
    RAISE EXCEPTION 'approval % cannot go from % to %', OLD.id, OLD.state, NEW.state USING ERRCODE = 'TG002';
  END IF;
  IF NEW.state <> 'approved' AND NEW.expires_at <> OLD.expires_at THEN
    RAISE EXCEPTION 'the time of approval % cannot be changed', OLD.id USING ERRCODE = 'TG002';
  END IF;
  IF NEW.state = 'approved' AND NEW.expires_at > greatest(clock_timestamp(), OLD.not_before) + OLD.claim_window THEN
    RAISE EXCEPTION 'the grant of approval % cannot last longer than its window', OLD.id USING ERRCODE = 'TG002';
  END IF;
  IF NEW.state = 'approved' AND NOT approval_quorum_met(OLD.id) THEN
    RAISE EXCEPTION 'approval % has not got the votes it needs', OLD.id USING ERRCODE = 'TG002';
  END IF;
  IF NEW.state = 'claimed' AND OLD.not_before > clock_timestamp() THEN
    RAISE EXCEPTION 'approval % may not be used yet', OLD.id USING ERRCODE = 'TG002';
  END IF;
  IF NEW.state = 'claimed' AND NOT EXISTS (
    SELECT FROM approval_use WHERE approval_id = OLD.id AND call_id = NEW.claimed_by) THEN
    RAISE EXCEPTION 'approval % has no use on record', OLD.id USING ERRCODE = 'TG002';
  END IF;
  RETURN NEW;
END
$$;

-- A vote has what its request asks of votes.
CREATE FUNCTION approval_vote_complete() RETURNS trigger
LANGUAGE plpgsql SET search_path = talosgate, pg_temp
AS $$
BEGIN
  PERFORM FROM approval WHERE id = NEW.approval_id
    AND (NOT decision_reason OR btrim(NEW.reason) <> '') AND (NOT signed_decisions OR NEW.signature IS NOT NULL);
  IF NOT FOUND THEN
    RAISE EXCEPTION 'a decision on approval % needs more', NEW.approval_id USING ERRCODE = 'TG002';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER approval_vote_complete BEFORE INSERT ON approval_vote
  FOR EACH ROW EXECUTE FUNCTION approval_vote_complete();

CREATE OR REPLACE FUNCTION approval_json(p approval) RETURNS jsonb
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
    'decisionReason', p.decision_reason,
    'signedDecisions', p.signed_decisions,
    'createdAt', approval_ms(p.created_at),
    'notBefore', approval_ms(p.not_before),
    'expiresAt', approval_ms(p.expires_at),
    'claimWindowMs', (extract(epoch FROM p.claim_window) * 1000)::bigint,
    'sessionMs', (extract(epoch FROM p.session_limit) * 1000)::bigint,
    'claimedBy', p.claimed_by,
    'endedAt', CASE WHEN approval_state_now(p.state, p.expires_at) = p.state THEN approval_ms(p.ended_at)
      ELSE approval_ms(p.expires_at) END,
    'endReason', p.end_reason,
    'endedBy', p.ended_by,
    'votes', coalesce((
      SELECT jsonb_agg(jsonb_build_object(
        'by', voter, 'groups', to_jsonb(groups), 'verdict', verdict, 'reason', reason, 'at', approval_ms(voted_at),
        'signature', CASE WHEN signature IS NOT NULL THEN
          jsonb_build_object('value', signature, 'publicKey', public_key, 'fingerprint', key_fingerprint) END
      ) ORDER BY voted_at, voter)
      FROM approval_vote WHERE approval_id = p.id), '[]'))
$$;

-- As in migration 11. `p_terms` may hold notBefore (ms since the epoch), sessionMs, decisionReason, signedDecisions.
DROP FUNCTION approval_request(
  text, text, text, text, text, text, text, text, text, jsonb, text, jsonb, integer, integer, integer, integer);
CREATE FUNCTION approval_request(
  p_id text, p_binding text, p_request_digest text, p_requester text, p_cluster text, p_node text, p_method text,
  p_action text, p_resource text, p_summary jsonb, p_reason text, p_needs jsonb, p_denials integer,
  p_pending_ms integer, p_claim_ms integer, p_max_open integer, p_terms jsonb DEFAULT '{}'
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
      needs, denials, state, created_at, expires_at, claim_window, not_before, session_limit, decision_reason,
      signed_decisions)
    VALUES (p_id, p_binding, p_request_digest, p_requester, p_cluster, p_node, p_method, p_action, p_resource, p_summary,
      p_reason, p_needs, p_denials, 'pending', v_now,
      v_now + least(greatest(p_pending_ms, 1), 3600000) * interval '1 millisecond',
      least(greatest(p_claim_ms, 1), 1800000) * interval '1 millisecond',
      to_timestamp((p_terms ->> 'notBefore')::numeric / 1000),
      (p_terms ->> 'sessionMs')::bigint * interval '1 millisecond',
      coalesce((p_terms ->> 'decisionReason')::boolean, false),
      coalesce((p_terms ->> 'signedDecisions')::boolean, false));
    v_found := p_id;
    v_outcome := 'raised';
  END IF;
  RETURN approval_answer(v_outcome, v_found) || jsonb_build_object('expired', v_expired);
END
$$;

-- As in migration 12, and: what the request asks of votes, and the signature, {"value", "publicKey", "fingerprint"}.
DROP FUNCTION approval_vote(text, text, text[], text, text);
CREATE FUNCTION approval_vote(
  p_id text, p_voter text, p_groups text[], p_verdict text, p_reason text, p_signature jsonb DEFAULT NULL
) RETURNS jsonb
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
  IF approval_person(p_voter) = approval_person(v.requester) THEN RETURN approval_answer('own-request', p_id); END IF;
  IF v.state <> 'pending' THEN RETURN approval_answer('not-pending', p_id); END IF;
  IF v.expires_at <= v_now THEN RETURN approval_answer('lapsed', p_id); END IF;
  IF EXISTS (
    SELECT FROM approval_vote WHERE approval_id = p_id AND approval_person(voter) = approval_person(p_voter)) THEN
    RETURN approval_answer('voted-already', p_id);
  END IF;
  IF v.decision_reason AND btrim(p_reason) = '' THEN RETURN approval_answer('reason-needed', p_id); END IF;
  IF v.signed_decisions AND p_signature IS NULL THEN RETURN approval_answer('signature-needed', p_id); END IF;
  INSERT INTO approval_vote (approval_id, requester, voter, groups, verdict, reason, voted_at, signature, public_key,
    key_fingerprint)
  VALUES (p_id, v.requester, p_voter, p_groups, p_verdict, p_reason, v_now, p_signature ->> 'value',
    p_signature ->> 'publicKey', p_signature ->> 'fingerprint');
  IF (SELECT count(*) FROM approval_vote WHERE approval_id = p_id AND verdict = 'deny') >= v.denials THEN
    UPDATE approval SET state = 'denied', ended_at = v_now, ended_by = p_voter, end_reason = p_reason WHERE id = p_id;
  ELSIF approval_quorum_met(p_id) THEN
    UPDATE approval SET state = 'approved', expires_at = greatest(v_now, not_before) + claim_window WHERE id = p_id;
  END IF;
  RETURN approval_answer('ok', p_id);
END
$$;

-- The requester leaves: a request is cancelled, a grant withdrawn.
CREATE OR REPLACE FUNCTION approval_cancel(p_id text, p_by text, p_why text) RETURNS jsonb
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
  SET state = CASE v.state WHEN 'pending' THEN 'cancelled' ELSE 'withdrawn' END, ended_at = v_now, ended_by = p_by,
    end_reason = p_why
  WHERE id = p_id;
  RETURN approval_answer('ok', p_id);
END
$$;

-- Somebody who may decide takes a grant back before it is used.
DROP FUNCTION approval_withdraw(text, text);
CREATE FUNCTION approval_withdraw(p_id text, p_why text, p_by text DEFAULT '') RETURNS jsonb
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
  UPDATE approval SET state = 'withdrawn', ended_at = v_now, ended_by = p_by, end_reason = p_why WHERE id = p_id;
  RETURN approval_answer('ok', p_id);
END
$$;

-- What was approved is over: ended, lost with its gateway, or revoked by somebody.
DROP FUNCTION approval_end(text, text, text);
CREATE FUNCTION approval_end(p_id text, p_how text, p_why text, p_by text DEFAULT '') RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp
AS $$
DECLARE
  v approval;
BEGIN
  PERFORM approval_durably();
  SELECT * INTO v FROM approval WHERE id = p_id FOR UPDATE;
  IF NOT FOUND THEN RETURN approval_answer('not-found', p_id); END IF;
  IF v.state <> 'claimed' THEN RETURN approval_answer('not-claimed', p_id); END IF;
  UPDATE approval SET state = p_how, ended_at = clock_timestamp(), ended_by = p_by, end_reason = p_why WHERE id = p_id;
  RETURN approval_answer('ok', p_id);
END
$$;

-- As in migration 11, and: not before its time.
CREATE OR REPLACE FUNCTION approval_claim(p_id text, p_binding text, p_requester text, p_boot uuid, p_call_id uuid)
RETURNS void
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
    WHEN v.not_before > v_now THEN 'may not be used yet'
  END;
  IF v_refusal IS NOT NULL THEN
    RAISE EXCEPTION 'approval % %', coalesce(p_id, '(none)'), v_refusal USING ERRCODE = 'TG001';
  END IF;
  INSERT INTO approval_use (approval_id, boot_id, call_id, used_at) VALUES (p_id, p_boot, p_call_id, v_now);
  UPDATE approval SET state = 'claimed', claimed_by = p_call_id WHERE id = p_id;
END
$$;

-- Events after a position, in an order in which none can appear before one that was read: only of transactions older than
-- every one that is still open. `p_after` is '' or the position of the last event that was read.
CREATE FUNCTION approval_events(p_after text, p_limit integer) RETURNS SETOF jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = talosgate, pg_temp
AS $$
  SELECT jsonb_build_object(
    'position', e.transaction || '/' || e.id, 'id', e.id::text, 'kind', e.kind, 'at', approval_ms(e.happened_at),
    'details', e.details, 'approval', approval_json(a))
  FROM approval_event AS e JOIN approval AS a ON a.id = e.approval_id
  WHERE e.transaction < pg_snapshot_xmin(pg_current_snapshot())
    AND (p_after = '' OR (e.transaction, e.id) > (split_part(p_after, '/', 1)::xid8, split_part(p_after, '/', 2)::bigint))
  ORDER BY e.transaction, e.id
  LIMIT least(greatest(p_limit, 1), 500)
$$;

GRANT EXECUTE ON FUNCTION
  approval_request(text, text, text, text, text, text, text, text, text, jsonb, text, jsonb, integer, integer, integer,
    integer, jsonb),
  approval_vote(text, text, text[], text, text, jsonb),
  approval_withdraw(text, text, text),
  approval_end(text, text, text, text),
  approval_events(text, integer)
  TO talosgate_writer;
