-- Starting alone in an emergency, and the review that it opens. An emergency grant has no votes: what stands for them is a
-- review, opened in the same transaction, that only somebody else can close.

ALTER TABLE approval ADD COLUMN emergency boolean NOT NULL DEFAULT false;
-- A machine cannot be asked whether it is sure.
ALTER TABLE approval ADD CONSTRAINT approval_emergency_by_person
  CHECK (NOT emergency OR (requester !~* '^machine:' AND btrim(reason) <> ''));

CREATE TABLE approval_review (
  approval_id text PRIMARY KEY REFERENCES approval (id),
  opened_by text NOT NULL,
  opened_at timestamptz NOT NULL,
  closed_by text,
  closed_at timestamptz,
  finding text CHECK (btrim(finding) <> '' AND length(finding) <= 2000),
  CHECK (num_nulls(closed_by, closed_at, finding) IN (0, 3)),
  FOREIGN KEY (approval_id, opened_by) REFERENCES approval (id, requester),
  CONSTRAINT approval_review_by_somebody_else CHECK (approval_person(closed_by) <> approval_person(opened_by))
);
CREATE INDEX approval_review_open ON approval_review (opened_at) WHERE closed_at IS NULL;

CREATE FUNCTION approval_review_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = talosgate, pg_temp
AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.closed_at IS NOT NULL OR NOT EXISTS (SELECT FROM approval WHERE id = NEW.approval_id AND emergency) THEN
      RAISE EXCEPTION 'a review starts as open, and is of an emergency' USING ERRCODE = 'TG002';
    END IF;
  ELSIF OLD.closed_at IS NOT NULL OR (NEW.approval_id, NEW.opened_by, NEW.opened_at)
    IS DISTINCT FROM (OLD.approval_id, OLD.opened_by, OLD.opened_at) THEN
    RAISE EXCEPTION 'review % cannot be changed', OLD.approval_id USING ERRCODE = 'TG002';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER approval_review_guard BEFORE INSERT OR UPDATE ON approval_review
  FOR EACH ROW EXECUTE FUNCTION approval_review_guard();
CREATE TRIGGER approval_review_kept BEFORE DELETE OR TRUNCATE ON approval_review
  FOR EACH STATEMENT EXECUTE FUNCTION approval_refuse_change();

CREATE FUNCTION approval_reviewed() RETURNS trigger
LANGUAGE plpgsql SET search_path = talosgate, pg_temp
AS $$
BEGIN
  INSERT INTO approval_event (approval_id, kind, happened_at, details)
  VALUES (NEW.approval_id, CASE WHEN NEW.closed_at IS NULL THEN 'review-opened' ELSE 'review-closed' END, clock_timestamp(),
    CASE WHEN NEW.closed_at IS NULL THEN jsonb_build_object('by', NEW.opened_by)
      ELSE jsonb_build_object('by', NEW.closed_by, 'finding', NEW.finding) END);
  RETURN NULL;
END
$$;
CREATE TRIGGER approval_reviewed AFTER INSERT OR UPDATE ON approval_review
  FOR EACH ROW EXECUTE FUNCTION approval_reviewed();

-- What approval_guard asks for before a request is granted: votes, or for an emergency its open review.
ALTER FUNCTION approval_quorum_met(text) RENAME TO approval_votes_met;
CREATE FUNCTION approval_quorum_met(p_id text) RETURNS boolean
LANGUAGE sql VOLATILE SET search_path = talosgate, pg_temp
AS $$
  SELECT CASE WHEN (SELECT emergency FROM approval WHERE id = p_id)
    THEN EXISTS (SELECT FROM approval_review WHERE approval_id = p_id AND closed_at IS NULL)
    ELSE approval_votes_met(p_id) END
$$;

ALTER FUNCTION approval_json(approval) RENAME TO approval_json_plain;
CREATE FUNCTION approval_json(p approval) RETURNS jsonb
LANGUAGE sql VOLATILE SET search_path = talosgate, pg_temp
AS $$ SELECT approval_json_plain(p) || jsonb_build_object('emergency', p.emergency) $$;

-- Grants at once, and opens the review. A request for the same call that waits is cancelled. Outcomes: raised; found (a
-- grant is there already); review-open with the emergency whose review is in the way; id-taken; reason-needed. `p_blocked_by`:
-- whose open review is in the way, 'anyone', 'own' or 'none'.
CREATE FUNCTION approval_emergency(
  p_id text, p_binding text, p_request_digest text, p_requester text, p_cluster text, p_node text, p_method text,
  p_action text, p_resource text, p_summary jsonb, p_reason text, p_claim_ms integer, p_session_ms integer, p_blocked_by text
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp
AS $$
DECLARE
  v_now timestamptz;
  v_other text;
BEGIN
  PERFORM approval_durably();
  -- One after the other, so that two at the same moment do not both find no open review; in this order, as everywhere.
  PERFORM pg_advisory_xact_lock(hashtextextended('talosgate.approval_emergency', 0));
  PERFORM pg_advisory_xact_lock(hashtextextended('talosgate.approval_request:' || p_requester, 0));
  v_now := clock_timestamp();
  IF btrim(p_reason) = '' THEN RETURN approval_answer('reason-needed', NULL); END IF;
  UPDATE approval SET state = 'expired', ended_at = v_now
  WHERE binding = p_binding AND state IN ('pending', 'approved') AND expires_at <= v_now;
  SELECT id INTO v_other FROM approval WHERE binding = p_binding AND state = 'approved';
  IF FOUND THEN RETURN approval_answer('found', v_other); END IF;
  SELECT approval_id INTO v_other FROM approval_review
  WHERE closed_at IS NULL AND (p_blocked_by = 'anyone'
    OR (p_blocked_by = 'own' AND approval_person(opened_by) = approval_person(p_requester)))
  ORDER BY opened_at LIMIT 1;
  IF FOUND THEN RETURN approval_answer('review-open', v_other); END IF;
  IF EXISTS (SELECT FROM approval WHERE id = p_id) THEN RETURN approval_answer('id-taken', NULL); END IF;
  UPDATE approval SET state = 'cancelled', ended_at = v_now, ended_by = p_requester,
    end_reason = 'replaced by an emergency start'
  WHERE binding = p_binding AND state = 'pending';
  INSERT INTO approval (id, binding, request_digest, requester, cluster, node, method, action, resource, summary, reason,
    needs, denials, state, created_at, expires_at, claim_window, session_limit, emergency)
  VALUES (p_id, p_binding, p_request_digest, p_requester, p_cluster, p_node, p_method, p_action, p_resource, p_summary,
    p_reason, '[{"group": null, "count": 1}]', 1, 'pending', v_now,
    v_now + least(greatest(p_claim_ms, 1), 1800000) * interval '1 millisecond',
    least(greatest(p_claim_ms, 1), 1800000) * interval '1 millisecond', p_session_ms * interval '1 millisecond', true);
  INSERT INTO approval_review (approval_id, opened_by, opened_at) VALUES (p_id, p_requester, v_now);
  UPDATE approval SET state = 'approved', expires_at = v_now + claim_window WHERE id = p_id;
  RETURN approval_answer('raised', p_id);
END
$$;

CREATE FUNCTION approval_review_json(p approval_review) RETURNS jsonb
LANGUAGE sql VOLATILE SET search_path = talosgate, pg_temp
AS $$
  SELECT jsonb_build_object(
    'openedBy', p.opened_by, 'openedAt', approval_ms(p.opened_at), 'closedBy', p.closed_by,
    'closedAt', approval_ms(p.closed_at), 'finding', p.finding,
    'approval', (SELECT approval_json(a) FROM approval AS a WHERE a.id = p.approval_id))
$$;

-- Newest first, open ones before closed ones. A null id lets all through.
CREATE FUNCTION approval_reviews(p_id text, p_open_only boolean, p_limit integer) RETURNS SETOF jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = talosgate, pg_temp
AS $$
  SELECT approval_review_json(r) FROM approval_review AS r
  WHERE (p_id IS NULL OR r.approval_id = p_id) AND (NOT p_open_only OR r.closed_at IS NULL)
  ORDER BY (r.closed_at IS NULL) DESC, r.opened_at DESC, r.approval_id
  LIMIT least(greatest(p_limit, 1), 500)
$$;

-- Outcomes: ok, not-found, own-review, closed-already, finding-needed, in-use.
CREATE FUNCTION approval_review_close(p_id text, p_by text, p_finding text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp
AS $$
DECLARE
  v approval_review;
BEGIN
  PERFORM approval_durably();
  SELECT * INTO v FROM approval_review WHERE approval_id = p_id FOR UPDATE;
  IF NOT FOUND THEN RETURN 'not-found'; END IF;
  IF approval_person(p_by) = approval_person(v.opened_by) THEN RETURN 'own-review'; END IF;
  IF v.closed_at IS NOT NULL THEN RETURN 'closed-already'; END IF;
  IF btrim(p_finding) = '' THEN RETURN 'finding-needed'; END IF;
  -- What still runs, or may still start, cannot be judged.
  IF EXISTS (SELECT FROM approval AS a WHERE a.id = p_id
    AND approval_state_now(a.state, a.expires_at) IN ('pending', 'approved', 'claimed')) THEN RETURN 'in-use'; END IF;
  UPDATE approval_review SET closed_by = p_by, closed_at = clock_timestamp(), finding = p_finding WHERE approval_id = p_id;
  RETURN 'ok';
END
$$;

GRANT EXECUTE ON FUNCTION
  approval_emergency(text, text, text, text, text, text, text, text, text, jsonb, text, integer, integer, text),
  approval_reviews(text, boolean, integer),
  approval_review_close(text, text, text)
  TO talosgate_writer;
