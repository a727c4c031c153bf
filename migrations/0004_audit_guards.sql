-- Nothing in the log is ever changed, by anybody. The owner is stopped too: this guards against mistakes; a superuser
-- can get around it, which the tree over the leaves then shows.
CREATE FUNCTION audit_refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = talosgate, pg_temp AS $$
BEGIN
  RAISE EXCEPTION '% on % is refused: the audit log is append-only', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END
$$;

-- ALWAYS: session_replication_role = replica would skip an ordinary trigger. Partitions inherit the row triggers;
-- the one for TRUNCATE is made with each partition.
CREATE TRIGGER audit_entry_no_change BEFORE UPDATE OR DELETE ON audit_entry
  FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_no_change;

CREATE TRIGGER audit_entry_no_truncate BEFORE TRUNCATE ON audit_entry
  FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_no_truncate;

CREATE FUNCTION audit_head_grows() RETURNS trigger
LANGUAGE plpgsql SET search_path = talosgate, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.size >= OLD.size THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION '% on audit_head is refused: the audit log only grows', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_head_no_shrink BEFORE UPDATE OR DELETE ON audit_head
  FOR EACH ROW EXECUTE FUNCTION audit_head_grows();
ALTER TABLE audit_head ENABLE ALWAYS TRIGGER audit_head_no_shrink;
CREATE TRIGGER audit_head_no_truncate BEFORE TRUNCATE ON audit_head
  FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
ALTER TABLE audit_head ENABLE ALWAYS TRIGGER audit_head_no_truncate;
