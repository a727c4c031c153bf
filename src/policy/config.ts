import Type from 'typebox';
import { pathNotation } from '../core/settings.ts';

/** Fragment `policy` of the configuration file: one folder holds everything. */
export const PolicySettings = Type.Object(
  {
    directory: Type.Unsafe<string>({
      ...pathNotation,
      default: 'policies',
      description: 'Folder with model.conf, the rules (*.csv) and their cases (*.test.yaml).',
    }),
  },
  { additionalProperties: false },
);
export type PolicySettings = Type.Static<typeof PolicySettings>;
