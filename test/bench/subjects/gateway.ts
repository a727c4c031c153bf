// Child process: the whole gateway, put together from the project's parts as src/app.ts does it, but with another audit
// log: one INSERT per record, or none.
import { createHmac } from 'node:crypto';
import pino from 'pino';
import { createLogins } from '../../../src/audit/logins.ts';
import { createRefusals } from '../../../src/audit/refusals.ts';
import { createCatalog } from '../../../src/catalog/catalog.ts';
import { systemClock as clock } from '../../../src/core/clock.ts';
import { createFleet } from '../../../src/fleet/fleet.ts';
import { createRunningCalls } from '../../../src/gateway/calls.ts';
import { handleCall } from '../../../src/gateway/handle-call.ts';
import { startListener } from '../../../src/gateway/listener.ts';
import type { CallStages } from '../../../src/gateway/stages.ts';
import { createMetrics } from '../../../src/http/metrics.ts';
import { createIdentity } from '../../../src/identity/authenticate.ts';
import { createPolicyEngine } from '../../../src/policy/engine.ts';
import { createMemoryAudit } from '../audit/memory-audit.ts';
import { createNaiveAudit } from '../audit/naive-audit.ts';
import { childSettings, type SubjectSettings, serveParent } from '../child.ts';
import { nodeName } from '../pki.ts';
import { clusterName, nodeChannels, policies, readDoor } from './door.ts';

export interface GatewaySettings extends SubjectSettings {
  /** Login that owns the naive log's table; undefined: nothing is recorded. */
  readonly naiveUrl: string | undefined;
}

const settings = childSettings() as GatewaySettings;
const log = pino({ level: 'warn' }, pino.destination(2));

const audit = settings.naiveUrl === undefined ? createMemoryAudit() : createNaiveAudit(settings.naiveUrl);
const catalog = createCatalog();
const identity = await createIdentity({ mtls: { subject: [{ from: 'email' }] }, jwt: [] }, clock);
const fleet = createFleet({
  clusters: [
    {
      name: clusterName,
      talos_ca: '',
      client_certificate: '',
      client_key: '',
      upstream: 'direct',
      nodes: [{ name: nodeName, addresses: [], aliases: [], dial: `127.0.0.1:${settings.upstream}`, labels: {} }],
    },
  ],
});
const policy = await createPolicyEngine({
  directory: policies,
  actions: catalog.actions,
  onLoad: () => undefined,
  watch: false,
});
const calls = createRunningCalls(clock, identity);
const metrics = createMetrics({
  auditQueue: () => audit.health().queued,
  auditHealthy: () => audit.health().ok,
  openCalls: () => calls.size,
  sealing: () => undefined,
  exportSinks: () => [],
  retention: () => undefined,
});
const stages: CallStages = {
  clock,
  calls,
  catalog,
  identity,
  fleet,
  decide: policy.decide,
  termsFor: policy.termsFor,
  refusalMessage: () => 'refused',
  // Version never needs one; a call that does would fail here, and the run with it.
  approvals: undefined as never,
  versions: undefined as never,
  sessions: undefined as never,
  audit,
  refusals: createRefusals({ audit, clock }),
  channels: nodeChannels(settings),
  digest: (field, value) => ({
    length: String(value.length),
    digest: `bench:${createHmac('sha256', 'bench').update(field).update('\0').update(value).digest('hex')}`,
  }),
  logins: createLogins({ audit, clock }),
  grantEnds: undefined as never,
  observe: call => metrics.observe(call),
  onOutcomePending: () => metrics.outcomePending(),
  report: (error, callId) => log.error({ err: error, callId }, 'call failed'),
};

const listener = await startListener({
  address: '127.0.0.1:0',
  tls: readDoor(settings),
  clock,
  onCall: call => void handleCall(call, stages),
});
serveParent({ port: listener.port });
