import { createEmergencyDesk } from '../../src/approvals/emergency.ts';
import { createApprovalStore } from '../../src/approvals/store.ts';
import { openAuditLog } from '../../src/audit/log.ts';
import { createLogins } from '../../src/audit/logins.ts';
import { createRefusals } from '../../src/audit/refusals.ts';
import { createCatalog } from '../../src/catalog/catalog.ts';
import { plainTerms } from '../../src/core/approval-terms.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createPool } from '../../src/db/pool.ts';
import { createFleet } from '../../src/fleet/fleet.ts';
import { createRunningCalls } from '../../src/gateway/calls.ts';
import { createGrantEnds } from '../../src/gateway/grant-ends.ts';
import { handleCall } from '../../src/gateway/handle-call.ts';
import { startListener } from '../../src/gateway/listener.ts';
import type { CallStages } from '../../src/gateway/stages.ts';
import { createIdentity } from '../../src/identity/authenticate.ts';
import { refusalMessage } from '../../src/policy/refusal.ts';
import { createSessions } from '../../src/sessions/sessions.ts';
import { createChannels } from '../../src/upstream/connections.ts';
import { createNodeVersions } from '../../src/upstream/node-versions.ts';
import type { Stack } from './stack.ts';

/**
 * A second gRPC door on a stack's configuration, database and nodes, in which single stages can be exchanged: for what
 * no configuration brings about, such as a decision that throws.
 */
export async function openBareDoor(
  { config }: Stack,
  stages: Pick<CallStages, 'decide'> & Partial<CallStages>,
): Promise<{ readonly address: string; readonly reported: readonly unknown[]; close(): Promise<void> }> {
  const clock = systemClock;
  const pool = createPool({ url: config.database.url });
  const audit = await openAuditLog({ connection: { url: config.database.url }, replica: 'bare', clock });
  const refusals = createRefusals({ audit, clock });
  const identity = await createIdentity(config.identity, clock);
  const channels = createChannels({ clusters: config.clusters, clock });
  const calls = createRunningCalls(clock, identity);
  const record = (entry: Parameters<typeof audit.enqueue>[0]): Promise<void> => audit.append([entry]);
  const store = createApprovalStore({ database: pool, clock, record, settings: config.approvals });
  const reported: unknown[] = [];
  const sessions = createSessions({
    database: pool,
    log: audit,
    clock,
    holders: { auditors: [], deployment: config.audit.digest_key },
    keepEchoed: false,
    report: problem => reported.push(problem),
  });
  const all: CallStages = {
    clock,
    calls,
    catalog: createCatalog(),
    identity,
    fleet: createFleet(config.fleet),
    termsFor: () => plainTerms,
    refusalMessage,
    approvals: {
      store,
      texts: { approvers: undefined, baseUrl: undefined },
      reasonRequired: true,
      limits: { sessionMs: 60_000, idleMs: 60_000 },
      emergency: createEmergencyDesk({
        ...{ database: pool, clock, record, settings: config.approvals.emergency, claimWindowMs: 60_000 },
      }),
    },
    audit,
    refusals,
    logins: createLogins({ audit, clock }),
    channels,
    versions: createNodeVersions({ channels, clock }),
    sessions,
    digest: (_field, value) => ({ length: String(value.length), digest: 'test' }),
    grantEnds: createGrantEnds({ end: (...args) => store.end(...args), report: error => reported.push(error) }),
    observe: () => undefined,
    onOutcomePending: () => undefined,
    report: error => reported.push(error),
    ...stages,
  };
  const listener = await startListener({
    address: '127.0.0.1:0',
    tls: config.listen.grpc.tls,
    clock,
    onCall: call => void handleCall(call, all),
  });
  return {
    address: `127.0.0.1:${listener.port}`,
    reported,
    close: async () => {
      await listener.close();
      calls.close();
      await channels.close();
      await store.close();
      await sessions.close();
      await identity.close();
      refusals.close();
      await audit.close();
      await pool.close();
    },
  };
}
