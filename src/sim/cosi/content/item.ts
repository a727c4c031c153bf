import type { Shape, SpecValue } from '../spec.ts';

/** One resource that a node shows. */
export interface Item {
  readonly type: string;
  /** Default: the namespace of the kind. */
  readonly namespace?: string;
  readonly id: string;
  /** Controller that owns it. */
  readonly owner: string;
  readonly shape: Shape;
  readonly spec: SpecValue;
  /** Set where YAML shows only the value of this one field, without its name. */
  readonly inline?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Makes items of one kind: everything but id and spec is the same. */
export function kind(
  type: string,
  owner: string,
  shape: Shape = {},
  namespace?: string,
): (id: string, spec: SpecValue) => Item {
  return (id, spec) => ({ type, owner, shape, id, spec, ...(namespace === undefined ? {} : { namespace }) });
}
