import { type Fields, textOf } from './fields.ts';

/**
 * How much a record matters to whoever watches, in four steps that each format spells in its own way.
 * `integrity`: the log itself or the gateway's word is in doubt. `high`: secrets or a shell. `notice`: a change or a
 * refusal. `info`: everything else.
 */
export type Importance = 'info' | 'notice' | 'high' | 'integrity';

/** Kinds after which somebody should look whether the log is whole. */
const integrityKinds = /^(boot\.lost|audit\.(fork|prune|redact)\b.*|call\.unknown)$/;

export function importanceOf(fields: Fields): Importance {
  if (integrityKinds.test(textOf(fields, 'kind') ?? '')) return 'integrity';
  const risk = textOf(fields, 'risk');
  if (risk === 'credential' || risk === 'shell') return 'high';
  if (risk === 'write' || risk === 'destructive' || textOf(fields, 'decision') === 'deny') return 'notice';
  return 'info';
}
