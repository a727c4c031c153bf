import type { Session } from '../../src/db/connection.ts';

/**
 * Puts `count` partitions of `width` records, far narrower than the log may have them, and a wide one behind them in place
 * of the first partition, so that a test can fill some. Needs a superuser; keeps the records that are there.
 */
export async function makeSmallPartitions(admin: Session, width: number, count: number): Promise<void> {
  await admin.query(`
    DO $do$
    DECLARE
      old text;
      child text;
      behind bigint;
    BEGIN
      SET LOCAL search_path = talosgate;
      ALTER TABLE audit_partition DROP CONSTRAINT audit_partition_check;
      SELECT name INTO old FROM audit_partition WHERE lower = 0;
      EXECUTE format('ALTER TABLE audit_entry DETACH PARTITION %I', old);
      DELETE FROM audit_partition WHERE lower = 0;
      FOR i IN 0..${count} LOOP
        child := 'audit_entry_small_' || i;
        behind := CASE i WHEN ${count} THEN 16 * 65536 ELSE (i + 1) * ${width} END;
        EXECUTE format('CREATE TABLE %I (LIKE audit_entry INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', child);
        EXECUTE format('ALTER TABLE %I OWNER TO talosgate_owner', child);
        INSERT INTO audit_partition VALUES (i * ${width}, behind, child);
        IF i = 0 THEN EXECUTE format('INSERT INTO %I SELECT * FROM %I', child, old); END IF;
        EXECUTE format('ALTER TABLE audit_entry ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', child, i * ${width}, behind);
      END LOOP;
      EXECUTE format('DROP TABLE %I', old);
    END
    $do$`);
}
