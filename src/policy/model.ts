import type { Problem } from './problem.ts';

/**
 * The Casbin model that `compile.ts` is a faster form of. The file in the policy folder must say the same: a model that
 * was edited would mean one thing to Casbin and another to the index, so it is refused instead.
 */
export const supportedModel = `
[request_definition]
r = sub, cluster, node, action, resource, want
[policy_definition]
p = sub, cluster, node, action, resource, effect
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.want == p.effect && holds(r.sub, p.sub) && named(r.cluster, p.cluster) && selects(r.node, p.node) && does(r.action, p.action) && about(r.resource, p.resource)
`;

/** Compares a model file with the supported one, comments, blank lines and spacing aside. */
export function checkModel(text: string, file: string): Problem[] {
  const expected = significant(supportedModel);
  const found = significant(text);
  const missing = expected.find(([, line], index) => found[index]?.[1] !== line);
  if (missing === undefined && found.length === expected.length) return [];
  const index = missing === undefined ? expected.length : expected.indexOf(missing);
  const line = found[index]?.[0] ?? text.split('\n').length;
  const wanted = missing === undefined ? 'nothing more' : `"${missing[1]}"`;
  const message = `the model differs from the one this version decides by, expected ${wanted}; put the shipped model.conf back`;
  return [{ file, line, column: 1, message }];
}

function significant(text: string): (readonly [number, string])[] {
  const lines = text
    .split('\n')
    .map((line, index) => [index + 1, line.replace(/[#;].*/, '').replaceAll(/\s+/g, '')] as const);
  return lines.filter(([, line]) => line !== '');
}
