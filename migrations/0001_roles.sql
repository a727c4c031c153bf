-- as: admin
-- Roles belong to the whole server, so they may be there already, or be made by another database's migration right now.
DO $do$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['talosgate_owner', 'talosgate_writer', 'talosgate_reader'] LOOP
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = name) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN', name);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL;
      END;
    END IF;
  END LOOP;
  -- An administrator who is not superuser may create a role and still not act as it (Postgres 16 and later).
  IF NOT pg_has_role(current_user, 'talosgate_owner', 'SET') THEN
    EXECUTE format('GRANT talosgate_owner TO %I', current_user);
  END IF;
END
$do$;

ALTER SCHEMA talosgate OWNER TO talosgate_owner;
ALTER TABLE talosgate.migration OWNER TO talosgate_owner;
REVOKE ALL ON SCHEMA talosgate FROM PUBLIC;
GRANT USAGE ON SCHEMA talosgate TO talosgate_writer, talosgate_reader;

-- New functions are executable by everybody unless this is said for the role that makes them, without IN SCHEMA.
ALTER DEFAULT PRIVILEGES FOR ROLE talosgate_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
