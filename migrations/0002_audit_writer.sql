-- Size of the log, which is the index of the next record. One row; its lock makes commit order equal index order.
CREATE TABLE audit_head (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  size bigint NOT NULL
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
        autovacuum_vacuum_cost_delay = 0);
INSERT INTO audit_head (size) VALUES (0);

-- One row per boot of a gateway process. `last_*` describe its newest batch, for an idempotent retry.
CREATE TABLE audit_writer (
  boot_id uuid PRIMARY KEY,
  replica text NOT NULL,
  opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_wseq bigint NOT NULL DEFAULT 0,
  last_first_wseq bigint NOT NULL DEFAULT 0,
  last_first_idx bigint NOT NULL DEFAULT 0,
  last_digest bytea,
  closed_at timestamptz,
  lost_at timestamptz
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
        autovacuum_vacuum_cost_delay = 0);

-- Signs of life, apart from audit_writer so that a beat never waits for a batch nor a batch for a beat.
CREATE TABLE audit_beat (
  boot_id uuid PRIMARY KEY REFERENCES audit_writer,
  connected_at timestamptz NOT NULL,
  beat_at timestamptz NOT NULL
) WITH (fillfactor = 50);
