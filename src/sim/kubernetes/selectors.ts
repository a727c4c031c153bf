import type { KubernetesObject } from './objects.ts';

/** True when an object is one of those that `labelSelector` and `fieldSelector` of a list ask for. */
export function selects(query: URLSearchParams, item: KubernetesObject): boolean {
  const labels = item.metadata.labels ?? {};
  return (
    requirements(query.get('labelSelector')).every(one => meets(one, labels)) &&
    requirements(query.get('fieldSelector')).every(one => meets(one, fieldsOf(item)))
  );
}

/** Cuts at the commas that do not stand inside of a list of values. */
function requirements(selector: string | null): string[] {
  return (selector ?? '')
    .split(/,(?![^(]*\))/)
    .map(part => part.trim())
    .filter(part => part !== '');
}

/** `a=b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a`, `!a`: the API's own grammar (kubernetes labels/selector.go). */
function meets(requirement: string, values: Readonly<Record<string, string>>): boolean {
  const set = /^(\S+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(requirement);
  if (set !== null) {
    const [, key = '', how, list = ''] = set;
    const wanted = list.split(',').map(value => value.trim());
    return wanted.includes(values[key] ?? '') === (how === 'in');
  }
  const pair = /^([^!=\s]+)\s*(==|=|!=)\s*(\S*)$/.exec(requirement);
  if (pair !== null) {
    const [, key = '', how, value = ''] = pair;
    return (values[key] === value) === (how !== '!=');
  }
  return requirement.startsWith('!') ? !(requirement.slice(1) in values) : requirement in values;
}

function fieldsOf({ metadata, ...rest }: KubernetesObject): Readonly<Record<string, string>> {
  const spec = rest['spec'] as { readonly nodeName?: string } | undefined;
  const status = rest['status'] as { readonly phase?: string } | undefined;
  return {
    'metadata.name': metadata.name,
    'metadata.namespace': metadata.namespace ?? '',
    'spec.nodeName': spec?.nodeName ?? '',
    'status.phase': status?.phase ?? '',
  };
}
