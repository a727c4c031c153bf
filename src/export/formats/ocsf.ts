import { isIP } from 'node:net';
import type { AuditLine } from '../../core/audit-line.ts';
import type { FormatContext } from './context.ts';
import { type Fields, numberOf, readFields, textOf, textsOf, timeOf } from './fields.ts';
import { type Importance, importanceOf } from './importance.ts';
import { activityOf, apiActivityClass, entityManagementClass, entityOf } from './ocsf-tables.ts';

/** Version of the OCSF schema that events are written for. Only attributes of that version are used. */
const ocsfVersion = '1.6.0';

const severities = {
  info: [1, 'Informational'],
  notice: [3, 'Medium'],
  high: [4, 'High'],
  integrity: [5, 'Critical'],
} as const satisfies Record<Importance, readonly [number, string]>;

/**
 * One record as one OCSF event: approvals, policies and other things that are managed as Entity Management (3004),
 * everything else as API Activity (6003). The record's body stands in `raw_data` as it was hashed.
 */
export function toOcsf(line: AuditLine, context: FormatContext): object {
  const fields = readFields(line.body);
  const entity = entityOf(fields);
  return entity === undefined
    ? apiActivity(line, fields, context)
    : { ...common(line, fields, context, entityManagementClass, entity.activity), entity: entity.managed };
}

function apiActivity(line: AuditLine, fields: Fields, context: FormatContext): object {
  const node = textOf(fields, 'node');
  const resource = textOf(fields, 'resource');
  const cluster = textOf(fields, 'cluster');
  const code = numberOf(fields, 'grpcCode');
  return {
    ...common(line, fields, context, apiActivityClass, activityOf(fields)),
    api: {
      operation: textOf(fields, 'method') ?? textOf(fields, 'kind'),
      service: { name: serviceOf(fields) },
      // Required where the object is there at all.
      request: { uid: textOf(fields, 'callId') ?? `${textOf(fields, 'bootId')}/${textOf(fields, 'wseq')}` },
      ...(code === undefined ? {} : { response: { code, message: textOf(fields, 'grpcMessage') } }),
    },
    ...(node === undefined ? {} : { dst_endpoint: { name: node, type: 'Talos node', type_id: 99 } }),
    ...(resource === undefined && node === undefined
      ? {}
      : { resources: [{ name: resource ?? node, type: textOf(fields, 'action'), namespace: cluster }] }),
  };
}

/** What both classes have. */
function common(
  line: AuditLine,
  fields: Fields,
  context: FormatContext,
  eventClass: typeof apiActivityClass | typeof entityManagementClass,
  activity: { readonly id: number; readonly name: string },
): object {
  const [severityId, severity] = severities[importanceOf(fields)];
  const durationUs = numberOf(fields, 'durationUs');
  return {
    category_uid: eventClass.category,
    class_uid: eventClass.uid,
    class_name: eventClass.name,
    activity_id: activity.id,
    activity_name: activity.name,
    type_uid: eventClass.uid * 100 + activity.id,
    severity_id: severityId,
    severity,
    time: timeOf(fields),
    ...(durationUs === undefined ? {} : { duration: Math.round(durationUs / 1000) }),
    message: [textOf(fields, 'kind'), textOf(fields, 'action'), textOf(fields, 'node')].filter(Boolean).join(' '),
    ...statusOf(fields),
    ...controlOf(fields),
    metadata: {
      version: ocsfVersion,
      profiles: ['security_control'],
      product: { name: 'talosgate', vendor_name: 'talosgate', version: context.version },
      log_name: 'talosgate audit',
      log_provider: context.host,
      event_code: textOf(fields, 'kind'),
      uid: `${line.index}`,
      sequence: line.index,
      correlation_uid: textOf(fields, 'callId') ?? textOf(fields, 'approvalId'),
      logged_time: line.loggedAt,
    },
    actor: actorOf(fields),
    src_endpoint: sourceOf(fields),
    raw_data: line.body,
    unmapped: { idx: line.index, leaf: line.leaf, late: line.late },
  };
}

/** Intents have no end yet: 0. An outcome says OK or not; a call whose end nobody knows is neither. */
function statusOf(fields: Fields): object {
  const detail = textOf(fields, 'grpcMessage') ?? textOf(fields, 'reason') ?? textOf(fields, 'endCause');
  const status = (id: number, name: string): object => ({
    status_id: id,
    status: name,
    ...(detail === undefined ? {} : { status_detail: detail }),
    ...(textOf(fields, 'grpcCode') === undefined ? {} : { status_code: textOf(fields, 'grpcCode') }),
  });
  const kind = textOf(fields, 'kind') ?? '';
  if (kind === 'call.intent' || kind === 'call.progress') return status(0, 'Unknown');
  if (kind === 'call.unknown' || textOf(fields, 'endCause') === 'not-forwarded') return status(99, kind);
  const code = numberOf(fields, 'grpcCode');
  if (textOf(fields, 'decision') === 'deny' || /\.(deny|refused|lost)$/.test(kind) || (code ?? 0) !== 0) {
    return status(2, 'Failure');
  }
  return status(1, 'Success');
}

/** Profile security_control. A decision that asks for approval has neither let through nor blocked. */
function controlOf(fields: Fields): object {
  const decision = textOf(fields, 'decision');
  if (decision === undefined) return {};
  const [actionId, action, dispositionId, disposition] =
    decision === 'allow'
      ? [1, 'Allowed', 1, 'Allowed']
      : decision === 'deny'
        ? [2, 'Denied', 2, 'Blocked']
        : [99, decision, 99, decision];
  const rule = textOf(fields, 'rule');
  const revision = textOf(fields, 'policyRevision');
  return {
    action_id: actionId,
    action,
    disposition_id: dispositionId,
    disposition,
    ...(rule === undefined && revision === undefined
      ? {}
      : { policy: { uid: rule ?? 'no rule', name: 'talosgate policy', version: revision } }),
  };
}

function actorOf(fields: Fields): object {
  const principal = textOf(fields, 'principal');
  const boot = textOf(fields, 'bootId');
  if (principal === undefined) return { app_name: 'talosgate', app_uid: boot };
  const isMachine = textOf(fields, 'principalKind') === 'machine';
  const [proof] = Array.isArray(fields['proofs']) ? (fields['proofs'] as Fields[]) : [];
  const issuer = proof === undefined ? undefined : textOf(proof, 'issuer');
  return {
    user: {
      uid: principal,
      name: principal,
      type_id: isMachine ? 4 : 1,
      type: isMachine ? 'Service' : 'User',
      groups: textsOf(fields, 'groups').map(name => ({ name })),
      ...(proof === undefined ? {} : { credential_uid: textOf(proof, 'fingerprint') }),
    },
    ...(issuer === undefined ? {} : { idp: { name: issuer } }),
  };
}

/** Required by class 6003. What the gateway does of its own accord comes from the gateway. */
function sourceOf(fields: Fields): object {
  const address = textOf(fields, 'peerAddress');
  if (address === undefined || address === '') {
    return { svc_name: 'talosgate', instance_uid: textOf(fields, 'bootId') };
  }
  const port = numberOf(fields, 'peerPort');
  return {
    ...(isIP(address) === 0 ? { name: address } : { ip: address }),
    ...(port === undefined ? {} : { port }),
  };
}

/** `/machine.MachineService/Version` is of machine.MachineService; the JSON API is talosgate's own. */
function serviceOf(fields: Fields): string {
  return /^\/([^/]+)\//.exec(textOf(fields, 'method') ?? '')?.[1] ?? 'talosgate';
}
