import type { AuditRecord } from '../core/audit-record.ts';
import { GateError } from '../core/gate-error.ts';
import type { ApprovalStore } from './store.ts';

/**
 * Gives what the audit log's reaper calls for each `call.unknown`: a grant that this call had claimed becomes `lost`, so
 * that it does not read as in use for ever. Records of other calls, and grants that have ended meanwhile, are left alone.
 * Rejects as the store does when the database is away.
 */
export function endLostGrant(store: Pick<ApprovalStore, 'get' | 'end'>): (record: AuditRecord) => Promise<void> {
  return async ({ approvalId, callId }) => {
    if (approvalId === undefined || callId === undefined) return;
    const approval = await store.get(approvalId);
    if (approval?.state !== 'claimed' || approval.claimedBy !== callId) return;
    const why = 'the gateway process that ran the call was lost; what became of the call is not known';
    try {
      await store.end(approvalId, { how: 'lost', why });
    } catch (error) {
      // Its own end was faster.
      if (!(error instanceof GateError && error.code === 'conflict')) throw error;
    }
  };
}
