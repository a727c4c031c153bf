import Type from 'typebox';

/** Settings of the policy stage: one folder holds everything. */
export const policyConfig = Type.Object(
  {
    directory: Type.String({
      minLength: 1,
      default: 'policies',
      description:
        'Folder with model.conf, the rules (*.csv) and their cases (*.test.yaml). A relative path starts at the configuration file.',
    }),
  },
  { additionalProperties: false },
);

export type PolicyConfig = Type.Static<typeof policyConfig>;
