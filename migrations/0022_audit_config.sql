-- The machine configuration that each node was last given through the gateway, redacted: values where they cannot be
-- secrets, else keyed digests (src/audit/machine-config). Only to compare the next one with; what changed, by whom and
-- when stands in the log.
CREATE TABLE audit_config (
  cluster text NOT NULL,
  node text NOT NULL,
  call_id uuid NOT NULL,
  hash text NOT NULL,
  tree text NOT NULL CHECK (octet_length(tree) <= 2097152),
  seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (cluster, node)
);

CREATE FUNCTION audit_config_last(p_cluster text, p_node text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
  SELECT tree FROM audit_config WHERE cluster = p_cluster AND node = p_node
$$;

CREATE FUNCTION audit_config_seen(p_cluster text, p_node text, p_call uuid, p_hash text, p_tree text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
  INSERT INTO audit_config (cluster, node, call_id, hash, tree) VALUES (p_cluster, p_node, p_call, p_hash, p_tree)
  ON CONFLICT (cluster, node) DO UPDATE
    SET call_id = excluded.call_id, hash = excluded.hash, tree = excluded.tree, seen_at = excluded.seen_at
$$;
GRANT EXECUTE ON FUNCTION audit_config_last(text, text), audit_config_seen(text, text, uuid, text, text) TO talosgate_writer;
