-- The log. `body` holds the canonical bytes and is what counts; every other column but idx, db_ts and late is a
-- searchable copy of a part of it. Partitions go by index, so that the index stays unique.
CREATE TABLE audit_entry (
  idx bigint PRIMARY KEY,
  kind text NOT NULL,
  boot_id uuid NOT NULL,
  wseq bigint NOT NULL,
  call_id text,
  leg integer,
  approval_id text,
  -- Clock of the gateway, as claimed; monotonic microseconds of the same process.
  gw_ts timestamptz NOT NULL,
  mono_us bigint NOT NULL,
  -- Clock of the database, advisory.
  db_ts timestamptz NOT NULL DEFAULT clock_timestamp(),
  principal text,
  principal_kind text,
  groups jsonb,
  proofs jsonb,
  peer_address text,
  peer_port integer,
  user_agent text,
  method text,
  action text,
  risk text,
  resource text,
  cluster text,
  node text,
  asked text,
  decision text,
  reason text,
  rule text,
  policy_revision text,
  request_digest text,
  request jsonb,
  talos_role text,
  grpc_code integer,
  grpc_message text,
  end_cause text,
  request_bytes bigint,
  request_messages bigint,
  response_bytes bigint,
  response_messages bigint,
  duration_us bigint,
  details jsonb,
  schema_version integer NOT NULL,
  -- The call had ended before: this outcome came after an unknown, or is a second one.
  late boolean NOT NULL,
  -- RFC 6962 leaf hash.
  leaf bytea NOT NULL CHECK (leaf = sha256('\x00'::bytea || body)),
  body bytea NOT NULL
) PARTITION BY RANGE (idx);

CREATE INDEX audit_entry_call ON audit_entry (call_id) WHERE call_id IS NOT NULL;
CREATE INDEX audit_entry_boot ON audit_entry (boot_id, wseq);
CREATE INDEX audit_entry_principal ON audit_entry (principal, idx);
CREATE INDEX audit_entry_method ON audit_entry (method, idx);
CREATE INDEX audit_entry_node ON audit_entry (node, idx);
CREATE INDEX audit_entry_approval ON audit_entry (approval_id, idx) WHERE approval_id IS NOT NULL;
CREATE INDEX audit_entry_time ON audit_entry USING brin (gw_ts);

-- Intents without an end yet. Kept by audit_append alone.
CREATE TABLE audit_open (
  call_id text NOT NULL,
  leg integer NOT NULL,
  boot_id uuid NOT NULL,
  idx bigint NOT NULL,
  PRIMARY KEY (call_id, leg)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
