import type { Risk } from '../core/method.ts';
import type { Decoded, FieldReader, Read } from './field-reader.ts';
import { isSensitiveType } from './sensitive-types.ts';

/** A stricter action that the content of a request turns the method's own action into. */
export interface RaisedAction {
  readonly action: string;
  readonly risk: Risk;
  readonly leastRole: string;
}

/** One way in which content raises a call; annotations name it as `raise: "name"`. */
export interface Raise {
  readonly to: RaisedAction;
  /** Compiles the test whether a request is to be raised. */
  readonly when: (fields: FieldReader) => Read<boolean>;
}

/** Every way there is. */
export const raises: ReadonlyMap<string, Raise> = new Map([
  [
    // The node serves these types to os:admin only; its list is in ResourceDefinitions and may be longer than ours.
    'sensitive-type',
    {
      to: { action: 'resource.get-sensitive', risk: 'credential', leastRole: 'os:admin' },
      when: (fields: FieldReader) => {
        const type = fields.string('type');
        return (message: Decoded) => isSensitiveType(type(message));
      },
    },
  ],
  [
    // Bootstrap from an uploaded snapshot replaces the state of the whole cluster.
    'etcd-recover',
    {
      to: { action: 'etcd.recover', risk: 'destructive', leastRole: 'os:admin' },
      when: (fields: FieldReader) => fields.bool('recover_etcd'),
    },
  ],
]);
