-- Messages about approvals, one row for each channel that is to be told of an event, and what became of them. The events
-- are those of migration 17; telling people never holds up the step that they are told of.

CREATE TABLE notify_channel (
  name text PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,31}$'),
  events text[] NOT NULL,
  -- Null: told of a request at once.
  escalate_after interval CHECK (escalate_after >= interval '0'),
  active boolean NOT NULL
);

-- Up to which event messages have been made. One row.
CREATE TABLE notify_cursor (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  transaction xid8 NOT NULL,
  event_id bigint NOT NULL
);
INSERT INTO notify_cursor VALUES (true, '0', 0);

CREATE TABLE notify_delivery (
  channel text NOT NULL REFERENCES notify_channel (name),
  event_id bigint NOT NULL REFERENCES approval_event (id),
  -- As src/notify/message.ts names it.
  kind text NOT NULL,
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'given-up', 'pointless')),
  attempts integer NOT NULL DEFAULT 0,
  due_since timestamptz NOT NULL,
  -- While waiting: when the next attempt may begin. A lease puts it into the future.
  due_at timestamptz NOT NULL,
  settled_at timestamptz,
  message text NOT NULL DEFAULT '' CHECK (length(message) <= 500),
  PRIMARY KEY (channel, event_id),
  CHECK ((settled_at IS NULL) = (state = 'waiting'))
);
CREATE INDEX notify_delivery_due ON notify_delivery (due_at) WHERE state = 'waiting';

-- What was settled stays settled, and nothing is taken away.
CREATE FUNCTION notify_delivery_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = talosgate, pg_temp
AS $$
BEGIN
  IF TG_OP <> 'UPDATE' THEN
    RAISE EXCEPTION 'messages are kept' USING ERRCODE = 'TG002';
  END IF;
  IF OLD.state <> 'waiting' OR (NEW.channel, NEW.event_id, NEW.kind) IS DISTINCT FROM (OLD.channel, OLD.event_id, OLD.kind) THEN
    RAISE EXCEPTION 'message % to % is settled', OLD.event_id, OLD.channel USING ERRCODE = 'TG002';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER notify_delivery_guard BEFORE UPDATE ON notify_delivery FOR EACH ROW EXECUTE FUNCTION notify_delivery_guard();
CREATE TRIGGER notify_delivery_kept BEFORE DELETE OR TRUNCATE ON notify_delivery
  FOR EACH STATEMENT EXECUTE FUNCTION notify_delivery_guard();

-- Puts the channels of a configuration into force: [{"name", "events", "escalateAfterMs"}]. When there was none before,
-- messages start with what happens from now on.
CREATE FUNCTION notify_register(p_channels jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp
AS $$
BEGIN
  PERFORM FROM notify_cursor FOR UPDATE;
  IF NOT EXISTS (SELECT FROM notify_channel WHERE active) THEN
    UPDATE notify_cursor SET transaction = pg_snapshot_xmin(pg_current_snapshot()), event_id = 0;
  END IF;
  INSERT INTO notify_channel (name, events, escalate_after, active)
  SELECT item ->> 'name', ARRAY(SELECT jsonb_array_elements_text(item -> 'events')),
    (item ->> 'escalateAfterMs')::bigint * interval '1 millisecond', true
  FROM jsonb_array_elements(p_channels) AS item
  ON CONFLICT (name) DO UPDATE SET events = excluded.events, escalate_after = excluded.escalate_after, active = true;
  UPDATE notify_channel SET active = false
  WHERE active AND name NOT IN (SELECT item ->> 'name' FROM jsonb_array_elements(p_channels) AS item);
  UPDATE notify_delivery SET state = 'given-up', settled_at = clock_timestamp(), message = 'the channel is no longer configured'
  WHERE state = 'waiting' AND channel IN (SELECT name FROM notify_channel WHERE NOT active);
END
$$;

-- The name by which channels choose an event; null: nobody is told.
CREATE FUNCTION notify_subject(p_kind text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = talosgate, pg_temp
AS $$
  SELECT CASE
    WHEN p_kind IN ('requested', 'approved', 'denied') THEN p_kind
    WHEN p_kind IN ('expired', 'cancelled', 'withdrawn') THEN 'lapsed'
    WHEN p_kind = 'claimed' THEN 'started'
    WHEN p_kind IN ('ended', 'revoked', 'lost') THEN 'ended'
    WHEN p_kind = 'review-opened' THEN 'emergency'
    WHEN p_kind = 'review-closed' THEN 'review-closed' END
$$;

-- Makes messages of the events since the last time. Events of transactions that may still be open wait, so none is missed.
CREATE FUNCTION notify_fan_out() RETURNS void
LANGUAGE plpgsql SET search_path = talosgate, pg_temp
AS $$
DECLARE
  v_from notify_cursor;
BEGIN
  SELECT * INTO v_from FROM notify_cursor FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  WITH fresh AS (
    SELECT id, transaction, notify_subject(kind) AS subject FROM approval_event
    WHERE transaction < pg_snapshot_xmin(pg_current_snapshot()) AND (transaction, id) > (v_from.transaction, v_from.event_id)
    ORDER BY transaction, id LIMIT 500
  ), made AS (
    INSERT INTO notify_delivery (channel, event_id, kind, due_since, due_at)
    SELECT c.name, f.id, CASE WHEN f.subject = 'requested' AND c.escalate_after IS NOT NULL THEN 'escalation' ELSE f.subject END,
      at.due, at.due
    FROM fresh AS f JOIN notify_channel AS c ON c.active
      AND (f.subject IN ('emergency', 'review-closed') OR f.subject = ANY (c.events)),
      LATERAL (SELECT clock_timestamp() + CASE WHEN f.subject = 'requested' THEN coalesce(c.escalate_after, interval '0')
        ELSE interval '0' END AS due) AS at
    ON CONFLICT DO NOTHING
  ), last AS (
    SELECT transaction, id FROM fresh ORDER BY transaction DESC, id DESC LIMIT 1
  )
  UPDATE notify_cursor SET transaction = last.transaction, event_id = last.id FROM last;
END
$$;

-- Leases what is due to channels that the caller knows, oldest first. A request that is no longer open is not worth a message: it becomes pointless.
CREATE FUNCTION notify_take(p_channels text[], p_limit integer, p_lease_ms integer) RETURNS SETOF jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp
AS $$
BEGIN
  PERFORM notify_fan_out();
  UPDATE notify_delivery AS d SET state = 'pointless', settled_at = clock_timestamp()
  FROM approval_event AS e JOIN approval AS a ON a.id = e.approval_id
  WHERE d.state = 'waiting' AND d.kind IN ('requested', 'escalation') AND d.due_at <= clock_timestamp()
    AND e.id = d.event_id AND approval_state_now(a.state, a.expires_at) <> 'pending';
  RETURN QUERY
    WITH due AS (
      SELECT channel, event_id FROM notify_delivery WHERE state = 'waiting' AND due_at <= clock_timestamp() AND channel = ANY (p_channels)
      ORDER BY due_at LIMIT least(greatest(p_limit, 1), 100) FOR UPDATE SKIP LOCKED
    ), leased AS (
      UPDATE notify_delivery AS d SET attempts = d.attempts + 1, due_at = clock_timestamp() + p_lease_ms * interval '1 millisecond'
      FROM due WHERE (d.channel, d.event_id) = (due.channel, due.event_id)
      RETURNING d.*
    )
    SELECT jsonb_build_object(
      'channel', l.channel, 'event', e.id::text, 'attempt', l.attempts, 'kind', l.kind,
      'at', approval_ms(e.happened_at), 'dueSince', approval_ms(l.due_since),
      'by', nullif(e.details ->> 'by', ''),
      'words', nullif(coalesce(e.details ->> 'finding', e.details ->> 'why', e.details ->> 'reason'), ''),
      'approval', approval_json(a))
    FROM leased AS l JOIN approval_event AS e ON e.id = l.event_id JOIN approval AS a ON a.id = e.approval_id
    ORDER BY e.id;
END
$$;

-- Ends an attempt. Only the latest one counts: whoever lost the lease meanwhile changes nothing.
CREATE FUNCTION notify_settle(
  p_channel text, p_event bigint, p_attempt integer, p_state text, p_message text, p_retry_ms integer
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp
AS $$
BEGIN
  UPDATE notify_delivery SET state = p_state, message = left(p_message, 500),
    due_at = CASE WHEN p_state = 'waiting' THEN clock_timestamp() + p_retry_ms * interval '1 millisecond' ELSE due_at END,
    settled_at = CASE WHEN p_state = 'waiting' THEN NULL ELSE clock_timestamp() END
  WHERE channel = p_channel AND event_id = p_event AND attempts = p_attempt AND state = 'waiting';
  RETURN FOUND;
END
$$;

GRANT EXECUTE ON FUNCTION notify_register(jsonb), notify_take(text[], integer, integer),
  notify_settle(text, bigint, integer, text, text, integer) TO talosgate_writer;
