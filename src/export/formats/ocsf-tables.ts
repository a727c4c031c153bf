import { type Fields, textOf } from './fields.ts';

/** Numbers and names of the OCSF schema (ocsf/ocsf-schema, events/application/api_activity.json and events/iam/). */
export const apiActivityClass = { uid: 6003, name: 'API Activity', category: 6 } as const;
export const entityManagementClass = { uid: 3004, name: 'Entity Management', category: 3 } as const;

interface Activity {
  readonly id: number;
  readonly name: string;
}

const create: Activity = { id: 1, name: 'Create' };
const read: Activity = { id: 2, name: 'Read' };
const update: Activity = { id: 3, name: 'Update' };
const remove: Activity = { id: 4, name: 'Delete' };
const activate: Activity = { id: 10, name: 'Activate' };
const deactivate: Activity = { id: 11, name: 'Deactivate' };

// By the verb of an action, the part after its dot. What is missing here goes by its risk class.
const byVerb: Readonly<Record<string, Activity>> = {
  create,
  run: create,
  mint: create,
  import: create,
  pull: create,
  install: create,
  bootstrap: create,
  destroy: remove,
  remove,
  delete: remove,
  teardown: remove,
  'teardown-and-destroy': remove,
  wipe: remove,
  reset: remove,
  'lv-remove': remove,
  'pv-remove': remove,
  'vg-remove': remove,
  'md-destroy': remove,
  'remove-member': remove,
  leave: remove,
};
const byRisk: Readonly<Record<string, Activity>> = {
  read,
  credential: read,
  write: update,
  destructive: update,
  shell: create,
};

/** Activity of class 6003 for a record: create, read, update or delete by its action; 99 with its kind otherwise. */
export function activityOf(fields: Fields): Activity {
  const [, verb = ''] = (textOf(fields, 'action') ?? '').split('.');
  const known = Object.hasOwn(byVerb, verb) ? byVerb[verb] : undefined;
  if (known !== undefined) return known;
  const risk = textOf(fields, 'risk') ?? '';
  const usual = Object.hasOwn(byRisk, risk) ? byRisk[risk] : undefined;
  if (usual !== undefined) return usual;
  const kind = textOf(fields, 'kind') ?? 'unknown';
  return kind === 'audit.read' ? read : { id: 99, name: kind };
}

/** Last word of a kind to what happened to the entity; anything else is an update. */
const byEvent: Readonly<Record<string, Activity>> = {
  requested: create,
  raised: create,
  added: create,
  ended: deactivate,
  removed: remove,
  activated: activate,
};

// Kinds about a thing that talosgate keeps, by how they begin: its type in OCSF and what identifies it.
const entities = [
  { prefix: 'approval.', type: 'Approval', typeId: 99, uid: 'approvalId' },
  { prefix: 'policy.', type: 'Policy', typeId: 5, uid: 'policyRevision' },
  { prefix: 'audit.hold', type: 'Legal hold', typeId: 99, uid: 'resource' },
  { prefix: 'identity.lock', type: 'Lock', typeId: 99, uid: 'resource' },
] as const;

/** For class 3004: the thing that a record is about and what happened to it; undefined where it is about a call. */
export function entityOf(fields: Fields): { readonly activity: Activity; readonly managed: object } | undefined {
  const kind = textOf(fields, 'kind') ?? '';
  const entity = entities.find(({ prefix }) => kind.startsWith(prefix));
  if (entity === undefined) return undefined;
  const word = kind.split(/[.-]/).at(-1) ?? '';
  const uid = textOf(fields, entity.uid) ?? 'unknown';
  const managed = { name: uid, uid, type: entity.type, type_id: entity.typeId };
  return {
    activity: (Object.hasOwn(byEvent, word) ? byEvent[word] : undefined) ?? update,
    managed: entity.typeId === 5 ? { ...managed, policy: { uid, name: 'talosgate policy' } } : managed,
  };
}
