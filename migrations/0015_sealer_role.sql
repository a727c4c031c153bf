-- as: admin
-- Who signs the log may look at its records and add tiles and checkpoints, and nothing else.
DO $do$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'talosgate_sealer') THEN
    BEGIN
      CREATE ROLE talosgate_sealer NOLOGIN;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL;
    END;
  END IF;
END
$do$;
GRANT USAGE ON SCHEMA talosgate TO talosgate_sealer;
