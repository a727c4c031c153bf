/** What the OCSF schema says of one object or class: attributes with their types, which it requires, which of it needs one. */
interface Facts {
  readonly attributes: Readonly<Record<string, string>>;
  readonly required: readonly string[];
  readonly atLeastOne?: readonly string[];
}

const base = {
  activity_id: '0 1 2 3 4 5 6 7 8 9 10 11 12 13 99',
  activity_name: 'string',
  category_uid: '3 6',
  class_name: 'string',
  class_uid: '3004 6003',
  duration: 'integer',
  message: 'string',
  metadata: 'metadata',
  raw_data: 'string',
  severity: 'string',
  severity_id: '0 1 2 3 4 5 6 99',
  status: 'string',
  status_code: 'string',
  status_detail: 'string',
  status_id: '0 1 2 99',
  time: 'integer',
  type_uid: 'integer',
  unmapped: 'any',
  actor: 'actor',
  src_endpoint: 'network_endpoint',
  // Profile security_control.
  action: 'string',
  action_id: '0 1 2 3 4 99',
  disposition: 'string',
  disposition_id: '0 1 2 8 99',
  policy: 'policy',
};
const baseRequired = ['activity_id', 'category_uid', 'class_uid', 'metadata', 'severity_id', 'time', 'type_uid'];

/**
 * Taken down from ocsf/ocsf-schema 1.6 and 1.9.0-dev (events/, objects/, profiles/security_control.json), as far as our
 * events use it; an attribute that is not listed here is a mistake until somebody has looked it up. A type is `string`,
 * `integer`, `ip`, `any`, the numbers of an enumeration, an object of this table, or one of these in brackets for a list.
 */
export const ocsfFacts: Readonly<Record<string, Facts>> = {
  api_activity: {
    attributes: { ...base, api: 'api', dst_endpoint: 'network_endpoint', resources: '[resource_details]' },
    required: [...baseRequired, 'actor', 'api', 'src_endpoint'],
  },
  entity_management: {
    attributes: { ...base, entity: 'managed_entity' },
    required: [...baseRequired, 'entity'],
  },
  metadata: {
    attributes: {
      correlation_uid: 'string',
      event_code: 'string',
      log_name: 'string',
      log_provider: 'string',
      logged_time: 'integer',
      product: 'product',
      profiles: '[string]',
      sequence: 'integer',
      uid: 'string',
      version: 'string',
    },
    required: ['product', 'version'],
  },
  product: { attributes: { name: 'string', vendor_name: 'string', version: 'string' }, required: [] },
  actor: {
    attributes: { app_name: 'string', app_uid: 'string', idp: 'idp', user: 'user' },
    required: [],
    atLeastOne: ['user', 'app_name', 'app_uid'],
  },
  idp: { attributes: { name: 'string' }, required: [] },
  user: {
    attributes: {
      credential_uid: 'string',
      groups: '[group]',
      name: 'string',
      type: 'string',
      type_id: '0 1 2 3 4 99',
      uid: 'string',
    },
    required: [],
    atLeastOne: ['name', 'uid'],
  },
  group: { attributes: { name: 'string' }, required: [] },
  api: {
    attributes: { operation: 'string', request: 'request', response: 'response', service: 'service' },
    required: ['operation'],
  },
  request: { attributes: { uid: 'string' }, required: ['uid'] },
  response: { attributes: { code: 'integer', message: 'string' }, required: [] },
  service: { attributes: { name: 'string' }, required: [] },
  network_endpoint: {
    attributes: {
      instance_uid: 'string',
      ip: 'ip',
      name: 'string',
      port: 'integer',
      svc_name: 'string',
      type: 'string',
      type_id: '0 99',
    },
    required: [],
    atLeastOne: ['ip', 'name', 'svc_name', 'instance_uid'],
  },
  resource_details: { attributes: { name: 'string', namespace: 'string', type: 'string' }, required: [] },
  policy: {
    attributes: { name: 'string', uid: 'string', version: 'string' },
    required: [],
    atLeastOne: ['name', 'uid'],
  },
  managed_entity: {
    attributes: {
      name: 'string',
      policy: 'policy',
      type: 'string',
      type_id: '1 2 3 4 5 6 7 99',
      uid: 'string',
    },
    required: [],
    atLeastOne: ['name', 'uid', 'policy'],
  },
};
