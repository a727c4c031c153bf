-- Nobody agrees with themselves through a machine. A machine's requests and votes stand under machine:<id>, a person's
-- under the bare id; `machine:bob@example.com` is taken to be in the hands of `bob@example.com` wherever that would count
-- as a second person. Where a grant is used or cancelled, names are compared as before: a machine does not get the grants
-- of the person.

-- Who is behind a requester or voter, as samePerson in src/approvals/quorum.ts sees it.
CREATE FUNCTION approval_person(p_name text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT SET search_path = talosgate, pg_temp
AS $$ SELECT regexp_replace(lower(p_name), '^(machine:)+', '') $$;

-- NOT VALID: binds every new vote. Votes of the past can be neither changed nor removed, so they must not stop an upgrade.
ALTER TABLE approval_vote DROP CONSTRAINT approval_vote_not_by_requester;
ALTER TABLE approval_vote ADD CONSTRAINT approval_vote_not_by_requester
  CHECK (approval_person(voter) <> approval_person(requester)) NOT VALID;

DROP INDEX approval_vote_once;
CREATE UNIQUE INDEX approval_vote_once ON approval_vote (approval_id, approval_person(voter));

-- As in migration 11, but for who counts as one person.
CREATE OR REPLACE FUNCTION approval_vote(p_id text, p_voter text, p_groups text[], p_verdict text, p_reason text) RETURNS jsonb
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
