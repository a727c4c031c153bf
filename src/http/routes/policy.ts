import { Type } from 'typebox';
import { GateError } from '../../core/gate-error.ts';
import { principalOf } from '../access.ts';
import type { HttpDependencies } from '../dependencies.ts';
import type { TypedServer } from '../typed-server.ts';

/** Who the caller is, and what the policy in force says about a question of their own. */
export function policyRoutes(server: TypedServer, dependencies: HttpDependencies): void {
  server.get(
    '/api/v1/whoami',
    {
      config: { access: { kind: 'authenticated' } },
      schema: {
        tags: ['identity'],
        response: {
          200: Type.Object({
            id: Type.String(),
            kind: Type.String(),
            groups: Type.Array(Type.String()),
            proofs: Type.Array(Type.String()),
            validUntil: Type.String(),
            policyRevision: Type.String(),
          }),
        },
      },
    },
    request => {
      const principal = principalOf(request);
      return {
        id: principal.id,
        kind: principal.kind,
        groups: [...principal.groups],
        proofs: principal.proofs.map(proof => proof.kind),
        validUntil: new Date(principal.validUntil).toISOString(),
        policyRevision: dependencies.policyRevision(),
      };
    },
  );
  server.post(
    '/api/v1/policy/explain',
    {
      config: { access: { kind: 'authenticated' } },
      schema: {
        tags: ['policy'],
        description: 'What the running policy says about a call of yours: effect, rule, and how you came to the role.',
        body: Type.Object(
          {
            cluster: Type.Optional(Type.String({ maxLength: 256 })),
            node: Type.String({ maxLength: 256 }),
            action: Type.String({ maxLength: 128 }),
            resource: Type.String({ maxLength: 2048 }),
          },
          { additionalProperties: false },
        ),
        response: { 200: Type.Object({ effect: Type.String(), text: Type.String(), revision: Type.String() }) },
      },
    },
    request => {
      const { cluster, node, action, resource } = request.body;
      const known = dependencies.actions.get(action);
      if (known === undefined) throw new GateError('bad-request', `unknown action ${action}`);
      const target = dependencies.findTarget(cluster, node);
      if (target === undefined) throw new GateError('unknown-target', `no node ${node} in the configuration`);
      const principal = principalOf(request);
      const answer = dependencies.explain({
        principal,
        cluster: target.cluster,
        node: target.node,
        labels: target.labels,
        action,
        risk: known.risk,
        resource,
        approvalFloor: known.risk === 'shell',
      });
      return { ...answer, revision: dependencies.policyRevision() };
    },
  );
}
