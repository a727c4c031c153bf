import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { createEmergencyDesk } from './approvals/emergency.ts';
import { hearChanges } from './approvals/hear.ts';
import { endLostGrant } from './approvals/lost.ts';
import { endOrphans } from './approvals/orphans.ts';
import { createReviewDesk } from './approvals/reviews.ts';
import { createApprovalStore } from './approvals/store.ts';
import { createDigestKeys } from './audit/digest-keys.ts';
import { startHeartbeat } from './audit/heartbeat.ts';
import { openAuditLog } from './audit/log.ts';
import { createLogins } from './audit/logins.ts';
import { createConfigHistory } from './audit/machine-config/history.ts';
import { createAuditReader } from './audit/query.ts';
import { startReaper } from './audit/reaper.ts';
import { createRefusals } from './audit/refusals.ts';
import { createAuditScan } from './audit/scan.ts';
import { startSearchUpkeep } from './audit/search-upkeep.ts';
import { createSteadyRecorder } from './audit/steady.ts';
import { createCatalog } from './catalog/catalog.ts';
import { inspectRequest } from './catalog/inspect-request.ts';
import { requestFromJson } from './catalog/json-request.ts';
import type { Config } from './config/load.ts';
import type { Clock } from './core/clock.ts';
import type { SinkStatus } from './core/export-sink.ts';
import { GateError } from './core/gate-error.ts';
import type { AuditValue } from './core/method.ts';
import { assertDatabaseFit } from './db/database-fit.ts';
import { createPool } from './db/pool.ts';
import { startExports } from './export/exports.ts';
import { createRetentionDesk } from './export/retention.ts';
import { startRetentionWatch } from './export/retention-watch.ts';
import { startDiscovery } from './fleet/discovery.ts';
import { createFleet, type FleetChange } from './fleet/fleet.ts';
import { actedFrom } from './gateway/call-records.ts';
import { createRunningCalls } from './gateway/calls.ts';
import { createGrantEnds } from './gateway/grant-ends.ts';
import { handleCall } from './gateway/handle-call.ts';
import { startListener } from './gateway/listener.ts';
import { startProgress } from './gateway/progress.ts';
import type { CallStages } from './gateway/stages.ts';
import { createMetrics } from './http/metrics.ts';
import { createHttpServer } from './http/server.ts';
import { createIdentity } from './identity/authenticate.ts';
import { createChannels as createNotifyChannels } from './notify/channels.ts';
import { startNotifier } from './notify/notifier.ts';
import { createNotifyStore } from './notify/store.ts';
import { createPolicyEngine } from './policy/engine.ts';
import { renderExplanation } from './policy/explain.ts';
import { refusalMessage } from './policy/refusal.ts';
import { type Sealing, startSealing } from './seal/sealing.ts';
import { createSessionDesk } from './sessions/desk.ts';
import { readAuditorKey } from './sessions/keys.ts';
import { createSessionReader } from './sessions/reading.ts';
import { createSessions } from './sessions/sessions.ts';
import { createChannels } from './upstream/connections.ts';
import { listMembers } from './upstream/members.ts';
import { createNodeVersions } from './upstream/node-versions.ts';

/** Longest that calls and grants are given to be settled once the streams are gone, ms: a little more than a status is held. */
const settleMs = 2_500;

/** A running gateway. */
export interface App {
  /** Where the gRPC door is, and the streams that are open on its connections at the moment. */
  readonly grpc: { readonly address: string; readonly port: number; readonly streams: number };
  readonly http: { readonly host: string; readonly port: number };
  /** Reads the policy folder again now. */
  reloadPolicy(): Promise<void>;
  /** Takes no new calls, lets running ones end within the grace, writes what is still to be recorded, closes. */
  close(): Promise<void>;
}

export interface AppOptions {
  readonly config: Config;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Puts the parts together and starts both doors. Rejects with everything closed again when a part does not start: a
 * gateway that cannot record, or has no policy, does not listen.
 */
export async function createApp(options: AppOptions): Promise<App> {
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) {
      // One part that does not close must not keep the audit log from writing what it holds.
      await closer().catch((error: unknown) => options.log.error({ err: error }, 'closing'));
    }
  };
  try {
    return await assemble(options, closers, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function assemble(
  { config, version, clock, log }: AppOptions,
  closers: (() => Promise<void>)[],
  close: () => Promise<void>,
): Promise<App> {
  const catalog = createCatalog();
  const fleet = createFleet(config.fleet);

  const { database } = config;
  const limits = {
    max: database.max_connections,
    connectTimeoutMs: database.connect_timeout,
    queryTimeoutMs: database.query_timeout,
  };
  const writer = createPool({ url: database.url, applicationName: 'talosgate', ...limits });
  closers.push(() => writer.close());
  const reader = createPool({ url: database.reader_url, applicationName: 'talosgate reader', ...limits });
  closers.push(() => reader.close());
  await assertDatabaseFit(writer);

  // Before the first record of this process, and closed after its last one.
  const sealing = await openSealing(config, clock, log);
  if (sealing !== undefined) closers.push(() => sealing.close());
  const { digest_key, digest_key_id, former_digest_keys } = config.audit;
  const digestKeys = createDigestKeys({ id: digest_key_id, key: digest_key }, former_digest_keys);
  const report = (error: unknown, callId: string): void =>
    log.error({ err: error, callId }, 'call failed inside the gateway');
  const grantEnds = createGrantEnds({ end: (...args) => approvals.end(...args), report });

  const audit = await openAuditLog({
    connection: { url: database.url, connectTimeoutMs: database.connect_timeout },
    replica: hostname(),
    clock,
    report: (problem, cause) => log.error({ err: cause }, problem),
    inForce: {
      version,
      configDigest: digestKeys.digest('config', Buffer.from(JSON.stringify(config))).digest,
      digestKeys: [digest_key_id, ...former_digest_keys.map(({ id }) => id)],
    },
    onDurable: batch => sealing?.onDurable(batch),
    onUnforwarded: ({ approvalId, callId }) => {
      if (approvalId !== undefined) grantEnds.add(approvalId, 'not-forwarded', { callId });
    },
  });
  closers.push(() => audit.close());
  const refusals = createRefusals({ audit, clock });
  closers.push(() => {
    refusals.close();
    return Promise.resolve();
  });
  const logins = createLogins({ audit, clock });
  const steady = createSteadyRecorder(audit, (problem, cause) => log.error({ err: cause }, problem));
  closers.push(() => steady.close(settleMs));
  const record = async (entry: Parameters<typeof audit.append>[0][number]): Promise<void> => {
    await audit.append([entry]);
  };

  const retention = createRetentionDesk(writer, config.audit.retention);
  const age = await startRetentionWatch({ desk: retention, clock, report: problem => log.error(problem) });
  closers.push(() => age.close());

  const metrics = createMetrics({
    auditQueue: () => audit.health().queued,
    auditHealthy: () => audit.health().ok,
    openCalls: () => calls.size,
    sealing: () => sealing?.health(),
    exportSinks: () => exports.statuses(),
    retention: () => age.status(),
  });

  const policy = await createPolicyEngine({
    directory: config.policy.directory,
    actions: catalog.actions,
    onLoad: load => {
      const details = load.ok ? { files: load.files.map(file => file.name) } : { error: load.error };
      metrics.policyLoad(load.ok);
      log[load.ok ? 'info' : 'error'](
        { revision: load.revision, ...details },
        load.ok ? 'policy activated' : 'policy refused',
      );
      steady.record({
        kind: load.ok ? 'policy.activated' : 'policy.refused',
        policyRevision: load.revision,
        details,
      });
    },
  });
  closers.push(() => policy.close());
  const heartbeat = startHeartbeat({ audit, details: () => ({ policyRevision: policy.revision() }) });
  closers.push(() => {
    heartbeat.close();
    return Promise.resolve();
  });

  const identity = await createIdentity(config.identity, clock, {
    onProblem: message => log.warn({ message }, 'identity'),
  });
  closers.push(() => identity.close());

  const approvals = createApprovalStore({
    database: writer,
    clock,
    record,
    settings: config.approvals,
    hear: onChange => hearChanges({ url: database.url, connectTimeoutMs: database.connect_timeout }, onChange),
  });
  closers.push(() => approvals.close());
  const sessionKey = config.sessions.key ?? config.audit.digest_key;
  const emergency = createEmergencyDesk({
    ...{ database: writer, clock, record },
    settings: config.approvals.emergency,
    claimWindowMs: config.approvals.claim_window,
  });
  const sessions = createSessions({
    database: writer,
    log: audit,
    clock,
    holders: {
      auditors: await Promise.all(
        config.sessions.auditors.map(async file => readAuditorKey(await readFile(file, 'utf8'))),
      ),
      deployment: sessionKey,
    },
    keepEchoed: config.sessions.input === 'echoed',
    report: (problem, cause) => log.error({ err: cause }, problem),
  });
  closers.push(() => sessions.close());
  const reaper = startReaper({ pool: writer, audit, log, onUnknown: endLostGrant(approvals) });
  closers.push(() => reaper.close());
  const upkeep = startSearchUpkeep({ pool: writer, log });
  closers.push(() => upkeep.close());
  const lapsing = setInterval(() => {
    approvals.expire().catch((error: unknown) => log.warn({ err: error }, 'expiring approvals'));
    endOrphans(writer, approvals).catch((error: unknown) => log.warn({ err: error }, 'ending grants of lost calls'));
  }, 5000);
  lapsing.unref();
  closers.push(() => {
    clearInterval(lapsing);
    return Promise.resolve();
  });

  const notifier = startNotifier({
    channels: createNotifyChannels(config.notifications, config.authorities, clock),
    store: createNotifyStore(writer),
    clock,
    record,
    baseUrl: config.approvals.base_url,
    giveUpMs: config.notifications.give_up,
    report: (problem, cause) => log.warn({ err: cause }, problem),
  });
  closers.push(() => notifier.close());

  const channels = createChannels({
    clusters: config.clusters,
    clock,
    onEvent: event => log.debug(event, 'upstream'),
  });
  closers.push(() => channels.close());
  const versions = createNodeVersions({
    channels,
    clock,
    onAnswer: ({ cluster, node }, answer) => log.debug({ cluster, node, ...answer }, 'version of a node'),
  });

  const discovery = startDiscovery({
    fleet,
    clusters: config.fleet.clusters,
    clock,
    list: (target, signal) => listMembers(channels, target, signal),
    record: (cluster, change, toldBy) =>
      record({ kind: 'fleet.changed', cluster, node: toldBy, details: fleetDetails(change) }),
    onChange: () => channels.retain(fleet.targets),
    report: (cluster, problem, cause) => log.warn({ cluster, problem, err: cause }, 'discovery of nodes'),
  });
  closers.push(() => discovery.close());

  const calls = createRunningCalls(clock, identity, ({ call, error, callIds }) => {
    const details = { why: error.message, calls: String(callIds.length), ended: callIds.slice(0, 100) };
    const who = { ...actedFrom(call), callId: undefined, principal: call.principal?.id };
    steady.record({ kind: 'auth.withdrawn', ...who, details });
  });
  const progress = startProgress({ calls, audit, clock });
  closers.push(() => {
    progress.close();
    calls.close();
    return Promise.resolve();
  });

  const stages: CallStages = {
    clock,
    calls,
    catalog,
    identity,
    fleet,
    decide: policy.decide,
    termsFor: policy.termsFor,
    refusalMessage,
    approvals: {
      store: approvals,
      texts: {
        approvers: config.approvals.approvers,
        baseUrl: config.approvals.base_url,
        afterGrant: ['this session is recorded'],
      },
      reasonRequired: config.approvals.reason_required,
      limits: { sessionMs: config.approvals.session, idleMs: config.approvals.idle },
      emergency,
    },
    audit,
    refusals,
    logins,
    channels,
    versions,
    sessions,
    digest: (field, value) => digestKeys.digest(field, value),
    configurations: createConfigHistory(writer, digestKeys, (problem, cause) => log.error({ err: cause }, problem)),
    grantEnds,
    observe: call => metrics.observe(call),
    onOutcomePending: callId => {
      metrics.outcomePending();
      log.error({ callId }, 'the status of a call went out before its outcome was durable');
    },
    report,
  };

  let draining = false;
  const scan = createAuditScan(reader);
  const exports = await startExports({
    settings: config.export,
    connection: { url: database.url, connectTimeoutMs: database.connect_timeout },
    writer,
    scan,
    clock,
    version,
    host: hostname(),
    report: problem => log.warn(problem),
  });
  closers.push(() => exports.close());

  const http = await createHttpServer(
    config.listen.http,
    {
      version,
      host: hostname(),
      clock,
      identity,
      decide: policy.decide,
      emergency,
      reviews: createReviewDesk({ database: writer, record }),
      termsFor: policy.termsFor,
      inspect: (path, request) => {
        const method = catalog.lookup(path);
        if (method === undefined) return undefined;
        return { method, facts: inspectRequest(method, requestFromJson(method, request), stages.digest) };
      },
      policyRevision: () => policy.revision(),
      explain: question => {
        const explanation = policy.explain(question);
        return { effect: explanation.effect, text: renderExplanation(explanation) };
      },
      actions: catalog.actions,
      findTarget: (cluster, node) => {
        const found = fleet.resolve({ context: cluster, node, nodes: [] });
        return found.ok && found.route.kind === 'single' ? found.route.target : undefined;
      },
      record,
      recordStranger: denial => refusals.stranger(denial),
      onCaller: arrival => logins.seen(arrival),
      auditReader: createAuditReader(reader),
      auditScan: scan,
      sinks: exports,
      digestsOf: (field, value) => digestKeys.everyDigest(field, value),
      retention,
      recordClaimed: (records, claim) => audit.appendClaim(records, claim),
      approvals,
      sessions: createSessionDesk({
        reader: createSessionReader(reader),
        sessions,
        log: audit,
        deployment: sessionKey,
      }),
      readiness: () => [
        // The cause stays in the process log: this page is public.
        auditReadiness(audit.health().ok),
        ...sealingReadiness(sealing),
        ...exportReadiness(exports.statuses()),
        // Told, but no reason to take no calls: what is old goes when two people say so.
        { name: 'retention', ok: true, message: age.message() },
        { name: 'policy', ok: true, message: `revision ${policy.revision().slice(0, 12)}` },
        {
          name: 'serving',
          ok: !draining,
          message: draining ? 'shutting down; no new calls are taken' : 'calls are taken',
        },
      ],
      metricsText: () => metrics.registry.metrics(),
    },
    log,
  );
  closers.push(() => http.close());
  const httpAt = await http.listen();

  // Callers who come at once shall find the nodes; a cluster that does not answer must not keep the others waiting.
  await Promise.race([discovery.first, new Promise(resolve => setTimeout(resolve, firstDiscoveryMs).unref())]);

  const { grpc } = config.listen;
  const listener = await startListener({
    address: `${grpc.host.includes(':') ? `[${grpc.host}]` : grpc.host}:${grpc.port}`,
    tls: grpc.tls,
    limits: {
      maxConnections: config.limits.max_connections,
      maxConcurrentStreams: config.limits.max_calls_per_connection,
      requestMemory: config.limits.request_memory_mib * 1024 * 1024,
      messageMs: config.limits.read_timeout,
    },
    clock,
    onCall: call => {
      handleCall(call, stages).catch((error: unknown) =>
        log.error({ err: error }, 'a call broke beyond its own handling'),
      );
    },
    onEvent: event => log.debug(event, 'listener'),
  });
  closers.push(async () => {
    // Told to load balancers for as long as the last calls run: the web door closes after this one.
    draining = true;
    // Unary calls end by themselves within the grace; whoever follows a log or waits for an approval is told.
    const warning = setTimeout(
      () => calls.endAll(new GateError('draining', 'talosgate is being restarted; run the same again in a moment')),
      Math.max(0, config.limits.shutdown_grace - 1000),
    );
    await listener.drain(config.limits.shutdown_grace);
    clearTimeout(warning);
    // The streams are gone; what is left of their calls is to be written before the log closes.
    await calls.idle(settleMs);
    await grantEnds.drain(settleMs);
  });

  return {
    grpc: {
      address: listener.address,
      port: listener.port,
      get streams() {
        return listener.streams;
      },
    },
    http: httpAt,
    reloadPolicy: async () => {
      await policy.reload();
    },
    close,
  };
}

/** How long the door stays shut for the first answers about members, milliseconds. */
const firstDiscoveryMs = 3000;

/** Names, at most a hundred of each kind, and how many there are. */
function fleetDetails(change: FleetChange): Record<string, AuditValue> {
  const details: Record<string, AuditValue> = {};
  for (const [what, names] of Object.entries<readonly string[]>({ ...change })) {
    if (names.length === 0) continue;
    details[what] = names.slice(0, 100);
    details[`${what}_count`] = String(names.length);
  }
  return details;
}

/** Undefined where nothing is configured: then the log is kept, and nobody can tell whether it was changed. */
async function openSealing(config: Config, clock: Clock, log: Logger): Promise<Sealing | undefined> {
  const { sealing: settings, database } = config;
  if (settings === undefined || database.sealer_url === undefined) {
    log.warn('the audit log is not sealed: changes by whoever owns the database would not show');
    return undefined;
  }
  return await startSealing({
    settings,
    connection: { url: database.sealer_url, connectTimeoutMs: database.connect_timeout },
    clock,
    report: (problem, cause) => log.error({ err: cause }, problem),
  });
}

function sealingReadiness(sealing: Sealing | undefined): { name: string; ok: boolean; message: string }[] {
  if (sealing === undefined) return [];
  const { ok, message } = sealing.health();
  return [{ name: 'sealing', ok, message }];
}

/** Told, but no reason to take no calls: a receiver that is away loses nothing. */
function exportReadiness(sinks: readonly SinkStatus[]): { name: string; ok: boolean; message: string }[] {
  return sinks.map(({ name, state, lag }) => ({
    name: `export ${name}`,
    ok: true,
    message: `${state}, ${lag} records behind`,
  }));
}

function auditReadiness(ok: boolean): { name: string; ok: boolean; message: string } {
  return {
    name: 'audit',
    ok,
    message: ok ? 'records can be written' : 'records cannot be written, so calls are refused',
  };
}
