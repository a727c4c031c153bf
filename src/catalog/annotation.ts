import { type DescMessage, type DescMethod, getOption, hasOption } from '@bufbuild/protobuf';
import type { EarlierRole, Risk } from '../core/method.ts';
import { isOlder } from '../core/talos-version.ts';
import { ApprovalFloor, Risk as ProtoRisk, rule as ruleOption } from '../gen/talosgate/options_pb.js';
import { leafPaths, resolvePath } from './field-path.ts';
import { raises } from './raise.ts';

/** The `(talosgate.rule)` of a method, complete and in our own words. */
export interface Annotation {
  readonly action: string;
  readonly risk: Risk;
  readonly leastRole: string;
  readonly talosRoles: readonly string[];
  readonly earlierRoles: readonly EarlierRole[];
  readonly aggregates: boolean;
  readonly approvalFloor: boolean;
  readonly resource: string;
  readonly policyFields: readonly string[];
  readonly show: readonly string[];
  readonly digest: readonly string[];
  readonly since: string;
  /** Name of an entry in `raises`, or ''. */
  readonly raise: string;
  /** Field that names an image to run, or ''. */
  readonly pinnedImage: string;
  /** What the first and the later messages of a client's stream may hold; empty for calls with one request. */
  readonly streamFirst: readonly string[];
  readonly streamLater: readonly string[];
}

/**
 * Reads and checks the annotation of a method. Throws an Error that says what is missing: no annotation, an empty or
 * impossible value, a path that leads nowhere, a field of the request that audit neither shows nor digests nor drops
 * (or that two entries claim), a client stream without a word on its messages.
 */
export function readAnnotation(method: DescMethod): Annotation {
  if (!hasOption(method, ruleOption)) throw new Error('it has no (talosgate.rule)');
  const rule = getOption(method, ruleOption);
  const risk = risks.get(rule.risk);
  if (!/^[a-z]+(?:\.[a-z0-9-]+)+$/.test(rule.action)) throw new Error(`action "${rule.action}" is not dotted`);
  if (risk === undefined) throw new Error('risk is missing');
  if (!rule.talosRoles.includes(rule.leastRole)) throw new Error('least_role is not one of talos_roles');
  assertEarlierRoles(rule.earlierRoles);
  if (risk === 'shell' && rule.approvalFloor !== ApprovalFloor.REQUIRED)
    throw new Error('a shell needs an approval floor');
  if (rule.since === '') throw new Error('since is missing');
  if (rule.raise !== '' && !raises.has(rule.raise)) throw new Error(`there is no raise "${rule.raise}"`);
  for (const path of [...rule.policyFields, ...rule.streamFirst, ...rule.streamLater]) resolvePath(method.input, path);
  assertClassified(method.input, [...rule.auditShow, ...rule.auditDigest, ...rule.auditDrop]);
  assertStreamRules(method, rule.streamFirst, rule.streamLater);
  return {
    action: rule.action,
    risk,
    leastRole: rule.leastRole,
    talosRoles: rule.talosRoles,
    earlierRoles: rule.earlierRoles.map(({ before, leastRole }) => ({ before, leastRole })),
    aggregates: rule.nodesAggregation,
    approvalFloor: rule.approvalFloor === ApprovalFloor.REQUIRED,
    resource: rule.resource,
    policyFields: rule.policyFields,
    show: rule.auditShow,
    digest: rule.auditDigest,
    since: rule.since,
    raise: rule.raise,
    pinnedImage: rule.pinnedImage,
    streamFirst: rule.streamFirst,
    streamLater: rule.streamLater,
  };
}

function assertEarlierRoles(earlier: readonly (EarlierRole & { readonly talosRoles: readonly string[] })[]): void {
  earlier.forEach(({ before, leastRole, talosRoles }, at) => {
    if (!talosRoles.includes(leastRole)) throw new Error(`before ${before}: least_role is not one of talos_roles`);
    const newer = at === 0 ? 'v999999.0.0' : (earlier[at - 1]?.before ?? '');
    if (!isOlder(before, newer)) throw new Error(`earlier_roles: "${before}" is no version, or not in falling order`);
  });
}

const risks: ReadonlyMap<ProtoRisk, Risk> = new Map([
  [ProtoRisk.READ, 'read'],
  [ProtoRisk.WRITE, 'write'],
  [ProtoRisk.DESTRUCTIVE, 'destructive'],
  [ProtoRisk.CREDENTIAL, 'credential'],
  [ProtoRisk.SHELL, 'shell'],
]);

/** Every value in a request belongs to exactly one of show, digest and drop. An entry may name a whole message. */
function assertClassified(input: DescMessage, entries: readonly string[]): void {
  for (const entry of entries) resolvePath(input, entry);
  for (const leaf of leafPaths(input)) {
    const claims = entries.filter(entry => leaf === entry || leaf.startsWith(`${entry}.`)).length;
    if (claims === 0) throw new Error(`audit neither shows nor digests nor drops "${leaf}"`);
    if (claims > 1) throw new Error(`audit names "${leaf}" ${claims} times`);
  }
}

function assertStreamRules(method: DescMethod, first: readonly string[], later: readonly string[]): void {
  const streams = method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming';
  if (streams !== first.length > 0 || streams !== later.length > 0) {
    throw new Error('stream_first and stream_later belong to methods whose client streams, and to all of them');
  }
}
