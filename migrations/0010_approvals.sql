-- Requests for a second person's agreement: what is asked, who voted, and the one use of a grant.
-- What must never be done here: a way for a state to change that the guards below do not check. The functions of the next
-- migration are polite about refusals; these constraints hold even against the owner's own mistakes.

-- A list of 1 to 8 needs such as [{"group": null, "count": 1}]; null is anybody who may decide.
CREATE FUNCTION approval_needs_valid(p_needs jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = talosgate, pg_temp
AS $$
  SELECT CASE WHEN jsonb_typeof(p_needs) <> 'array' THEN false
    ELSE jsonb_array_length(p_needs) BETWEEN 1 AND 8 AND NOT EXISTS (
      SELECT FROM jsonb_array_elements(p_needs) AS need
      WHERE CASE WHEN jsonb_typeof(need) <> 'object' THEN true
        ELSE coalesce(jsonb_typeof(need -> 'group'), 'absent') NOT IN ('null', 'string')
          OR coalesce(need ->> 'count', '') !~ '^[1-9][0-9]?$' END
    ) END
$$;

CREATE TABLE approval (
  id text PRIMARY KEY CHECK (id ~ '^[a-z]{3}-[2-9a-z]{5}$'),
  -- SHA-256 over requester, cluster, node, method and canonical request: src/approvals/binding.ts.
  binding text NOT NULL CHECK (binding ~ '^[0-9a-f]{64}$'),
  request_digest text NOT NULL CHECK (request_digest ~ '^[0-9a-f]{64}$'),
  requester text NOT NULL CHECK (requester <> ''),
  cluster text NOT NULL,
  node text NOT NULL,
  method text NOT NULL,
  action text NOT NULL,
  resource text NOT NULL,
  summary jsonb NOT NULL CHECK (jsonb_typeof(summary) = 'object'),
  reason text NOT NULL CHECK (length(reason) <= 500),
  needs jsonb NOT NULL CHECK (approval_needs_valid(needs)),
  denials integer NOT NULL CHECK (denials BETWEEN 1 AND 99),
  state text NOT NULL CHECK (state IN (
    'pending', 'approved', 'claimed', 'ended', 'denied', 'expired', 'cancelled', 'withdrawn', 'revoked', 'lost')),
  created_at timestamptz NOT NULL,
  -- While pending: when the request lapses. When approved: until when the grant must be used.
  expires_at timestamptz NOT NULL,
  claim_window interval NOT NULL CHECK (claim_window > interval '0' AND claim_window <= interval '30 minutes'),
  -- Call that used the grant.
  claimed_by uuid,
  ended_at timestamptz,
  end_reason text NOT NULL DEFAULT '' CHECK (length(end_reason) <= 500),
  UNIQUE (id, requester),
  CHECK ((claimed_by IS NOT NULL) = (state IN ('claimed', 'ended', 'revoked', 'lost'))),
  CHECK ((ended_at IS NULL) = (state IN ('pending', 'approved', 'claimed')))
);

-- One open request or unused grant for one exact call.
CREATE UNIQUE INDEX approval_open_binding ON approval (binding) WHERE state IN ('pending', 'approved');
CREATE INDEX approval_open_requester ON approval (requester) WHERE state IN ('pending', 'approved');
CREATE INDEX approval_due ON approval (expires_at) WHERE state IN ('pending', 'approved');
CREATE INDEX approval_newest ON approval (created_at DESC, id);

CREATE TABLE approval_vote (
  approval_id text NOT NULL,
  -- Repeated from the approval, tied to it by the foreign key, so that a row can be checked by itself.
  requester text NOT NULL,
  voter text NOT NULL CHECK (voter <> ''),
  groups text[] NOT NULL,
  verdict text NOT NULL CHECK (verdict IN ('approve', 'deny')),
  reason text NOT NULL CHECK (length(reason) <= 500),
  voted_at timestamptz NOT NULL,
  FOREIGN KEY (approval_id, requester) REFERENCES approval (id, requester),
  CONSTRAINT approval_vote_not_by_requester CHECK (lower(voter) <> lower(requester))
);
CREATE UNIQUE INDEX approval_vote_once ON approval_vote (approval_id, lower(voter));

CREATE TABLE approval_use (
  approval_id text PRIMARY KEY REFERENCES approval (id),
  boot_id uuid NOT NULL,
  call_id uuid NOT NULL,
  used_at timestamptz NOT NULL
);

-- Says whether the approving votes fill every need with different people: every set of needs is compared with the people
-- who fit one of them (Hall's condition), so one person in two groups never stands for two. As in src/approvals/quorum.ts.
CREATE FUNCTION approval_quorum_met(p_id text) RETURNS boolean
LANGUAGE sql VOLATILE SET search_path = talosgate, pg_temp
AS $$
  WITH need AS (
    SELECT ordinality::integer - 1 AS bit, item ->> 'group' AS grp, (item ->> 'count')::integer AS people
    FROM approval, jsonb_array_elements(needs) WITH ORDINALITY AS listed (item, ordinality)
    WHERE id = p_id
  ), vote AS (
    SELECT voter, groups FROM approval_vote WHERE approval_id = p_id AND verdict = 'approve'
  )
  SELECT EXISTS (SELECT FROM need) AND NOT EXISTS (
    SELECT FROM generate_series(1, (1 << (SELECT count(*)::integer FROM need)) - 1) AS subset
    WHERE (SELECT sum(people) FROM need WHERE (subset >> bit) & 1 = 1) > (
      SELECT count(*) FROM vote WHERE EXISTS (
        SELECT FROM need WHERE (subset >> bit) & 1 = 1 AND (grp IS NULL OR grp = ANY (groups)))))
$$;

CREATE FUNCTION approval_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = talosgate, pg_temp
AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'pending' THEN
      RAISE EXCEPTION 'an approval starts as pending' USING ERRCODE = 'TG002';
    END IF;
    RETURN NEW;
  END IF;
  IF (NEW.id, NEW.binding, NEW.request_digest, NEW.requester, NEW.cluster, NEW.node, NEW.method, NEW.action, NEW.resource,
      NEW.summary, NEW.reason, NEW.needs, NEW.denials, NEW.created_at, NEW.claim_window)
    IS DISTINCT FROM
     (OLD.id, OLD.binding, OLD.request_digest, OLD.requester, OLD.cluster, OLD.node, OLD.method, OLD.action, OLD.resource,
      OLD.summary, OLD.reason, OLD.needs, OLD.denials, OLD.created_at, OLD.claim_window) THEN
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
  IF NEW.state = 'approved' AND NEW.expires_at > clock_timestamp() + OLD.claim_window THEN
    RAISE EXCEPTION 'the grant of approval % cannot last longer than its window', OLD.id USING ERRCODE = 'TG002';
  END IF;
  IF NEW.state = 'approved' AND NOT approval_quorum_met(OLD.id) THEN
    RAISE EXCEPTION 'approval % has not got the votes it needs', OLD.id USING ERRCODE = 'TG002';
  END IF;
  IF NEW.state = 'claimed' AND NOT EXISTS (
    SELECT FROM approval_use WHERE approval_id = OLD.id AND call_id = NEW.claimed_by) THEN
    RAISE EXCEPTION 'approval % has no use on record', OLD.id USING ERRCODE = 'TG002';
  END IF;
  RETURN NEW;
END
$$;

-- A vote needs a request that is pending, a use needs a grant, both in time. The row lock makes that hold until commit.
CREATE FUNCTION approval_part_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = talosgate, pg_temp
AS $$
DECLARE
  v_wanted text := CASE TG_TABLE_NAME WHEN 'approval_vote' THEN 'pending' ELSE 'approved' END;
BEGIN
  PERFORM FROM approval WHERE id = NEW.approval_id AND state = v_wanted AND expires_at > clock_timestamp() FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'approval % is not %', NEW.approval_id, v_wanted USING ERRCODE = 'TG002';
  END IF;
  RETURN NEW;
END
$$;

CREATE FUNCTION approval_refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = talosgate, pg_temp
AS $$
BEGIN
  RAISE EXCEPTION '% of % is not possible', TG_OP, TG_TABLE_NAME USING ERRCODE = 'TG002';
END
$$;

CREATE TRIGGER approval_guard BEFORE INSERT OR UPDATE ON approval FOR EACH ROW EXECUTE FUNCTION approval_guard();
CREATE TRIGGER approval_vote_guard BEFORE INSERT ON approval_vote FOR EACH ROW EXECUTE FUNCTION approval_part_guard();
CREATE TRIGGER approval_use_guard BEFORE INSERT ON approval_use FOR EACH ROW EXECUTE FUNCTION approval_part_guard();
CREATE TRIGGER approval_kept BEFORE DELETE OR TRUNCATE ON approval
  FOR EACH STATEMENT EXECUTE FUNCTION approval_refuse_change();
CREATE TRIGGER approval_vote_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON approval_vote
  FOR EACH STATEMENT EXECUTE FUNCTION approval_refuse_change();
CREATE TRIGGER approval_use_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON approval_use
  FOR EACH STATEMENT EXECUTE FUNCTION approval_refuse_change();
