-- Appends a batch and uses up an approval in one transaction: both or neither. The same batch asked for again finds
-- both done. approval_claim raises TG001 when the approval cannot be claimed; then nothing was appended.
CREATE FUNCTION audit_append_claimed(
  p_boot uuid, p_first_wseq bigint, p_lengths integer[], p_bodies bytea, p_leaves bytea,
  p_approval text, p_binding text, p_requester text)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = talosgate, pg_temp AS $$
DECLARE
  batch record;
  call text;
BEGIN
  SELECT * INTO batch FROM audit_append_batch(p_boot, p_first_wseq, p_lengths, p_bodies, p_leaves);
  IF NOT batch.repeated THEN
    SELECT call_id INTO call FROM audit_entry WHERE idx = batch.first_idx;
    PERFORM approval_claim(p_approval, p_binding, p_requester, p_boot, call::uuid);
  END IF;
  RETURN batch.first_idx;
END
$$;
GRANT EXECUTE ON FUNCTION
  audit_append_claimed(uuid, bigint, integer[], bytea, bytea, text, text, text) TO talosgate_writer;
