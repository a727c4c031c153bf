import { type IDQuery, type LabelQuery, LabelTerm_Operation as Operation } from '../../gen/cosi/resource/state_pb.js';
import { SimStatus } from '../sim-call.ts';
import type { StoredResource } from './resource-store.ts';

/** What a caller wants to see of a kind: by id and by labels. Simulated resources carry no labels. */
export function createFilter(
  id: IDQuery | undefined,
  labels: readonly LabelQuery[],
): (resource: Pick<StoredResource, 'id'>) => boolean {
  const pattern = patternOf(id);
  const labelsMatch = labels.length === 0 || labels.some(matchesNoLabels);
  return resource => labelsMatch && (pattern === undefined || pattern.test(resource.id));
}

/** True when every term of the query holds for a resource without labels. */
function matchesNoLabels(query: LabelQuery): boolean {
  return query.terms.every(term => (term.op === Operation.NOT_EXISTS) !== term.invert);
}

function patternOf(query: IDQuery | undefined): RegExp | undefined {
  if (query === undefined || query.regexp === '') return undefined;
  // Callers hand in a pattern; a bound on its length keeps a hostile one from holding up the process for long.
  if (query.regexp.length > 256) throw new SimStatus('INVALID_ARGUMENT', 'failed to compile regexp: too long');
  try {
    return new RegExp(query.regexp);
  } catch {
    throw new SimStatus('INVALID_ARGUMENT', `failed to compile regexp: ${query.regexp}`);
  }
}
