import { assertRole } from '../roles.ts';
import { SimStatus } from '../sim-call.ts';
import { definitions, namespaces } from './definition.ts';

/**
 * Who may read which resources (talos internal/app/resources/access.go): unknown kinds and namespaces do not exist for
 * callers, sensitive kinds are for os:admin. The kind is looked up without regard to case.
 */
export function assertReadable(namespace: string, type: string, roles: ReadonlySet<string>): void {
  const definition = definitions.get(type.toLowerCase());
  if (definition === undefined) {
    throw new SimStatus('PERMISSION_DENIED', `resource type ${JSON.stringify(type)} is not supported`);
  }
  if (definition.sensitive) assertRole(['os:admin'], roles);
  if (!namespaces.has(namespace)) {
    throw new SimStatus('PERMISSION_DENIED', `namespace ${JSON.stringify(namespace)} is not supported`);
  }
}

/** Nobody writes resources over the API. */
export function refuseWrite(): never {
  throw new SimStatus('PERMISSION_DENIED', 'write access is not allowed');
}
