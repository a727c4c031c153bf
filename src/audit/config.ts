import Type from 'typebox';
import { durationNotation, secretNotation } from '../core/settings.ts';

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
    retention: Type.Unsafe<number>({
      ...durationNotation,
      default: '400d',
      description:
        'How long records are meant to be kept. Nothing goes by itself: "audit retention" says what is older.',
    }),
    former_digest_keys: Type.Array(
      Type.Object(
        {
          id: Type.String({ pattern: '^[a-z0-9-]{1,32}$', description: 'Its name in the log.' }),
          key: Type.Unsafe<string>({ ...secretNotation, description: 'The key.' }),
        },
        { additionalProperties: false },
      ),
      {
        default: [],
        maxItems: 32,
        description: 'Keys that were in force before. Kept so that "audit lookup" finds values in older records.',
      },
    ),
  },
  { additionalProperties: false, description: 'The record of every call.' },
);
