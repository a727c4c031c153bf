import Type from 'typebox';
import { secretNotation } from '../core/settings.ts';

/** Fragment `audit`. */
export const AuditSettings = Type.Object(
  {
    digest_key: Type.Unsafe<string>({
      ...secretNotation,
      description:
        'Key, at least 32 characters, for the digests that stand in the log in place of delicate request fields.',
    }),
    digest_key_id: Type.String({
      pattern: '^[a-z0-9-]{1,32}$',
      default: 'k1',
      description: 'Name of that key in the log. Change it together with the key.',
    }),
  },
  { additionalProperties: false, description: 'The record of every call.' },
);
