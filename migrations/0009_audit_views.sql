-- What a reader sees of the log: everything, and only to look at.
CREATE VIEW audit_log AS SELECT * FROM audit_entry;
GRANT SELECT ON audit_log TO talosgate_reader;

CREATE VIEW audit_boot AS
  SELECT w.boot_id, w.replica, w.opened_at, w.last_wseq, w.closed_at, w.lost_at, b.connected_at, b.beat_at
  FROM audit_writer AS w LEFT JOIN audit_beat AS b USING (boot_id);
GRANT SELECT ON audit_boot TO talosgate_reader;

CREATE VIEW audit_open_call AS SELECT * FROM audit_open;
GRANT SELECT ON audit_open_call TO talosgate_reader;
