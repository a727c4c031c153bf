import { type Static, Type } from 'typebox';

/** Settings section `audit`. */
export const auditSettings = Type.Object(
  {
    budgetMs: Type.Integer({
      default: 3_000,
      minimum: 100,
      maximum: 3_000,
      description:
        'Longest that a call waits for its record to become durable, in milliseconds; then it is refused. The deadline of ' +
        'the caller, less 100 ms, goes before.',
    }),
    appendMs: Type.Integer({
      default: 2_000,
      minimum: 100,
      maximum: 10_000,
      description:
        'Longest wait for the answer to one batch of records, in milliseconds; then the connection is closed and the ' +
        'same batch is asked for again.',
    }),
    queueRecords: Type.Integer({
      default: 4_096,
      minimum: 256,
      maximum: 65_536,
      description:
        'Most records that wait for the database; more are refused. Outcomes, which nobody waits for, have as much again.',
    }),
    beatMs: Type.Integer({
      default: 5_000,
      minimum: 500,
      maximum: 10_000,
      description: 'Time between two signs of life of a gateway process, in milliseconds.',
    }),
    lostAfterMs: Type.Integer({
      default: 30_000,
      minimum: 2_000,
      maximum: 300_000,
      description:
        'Silence after which another replica declares a gateway process lost and ends its open calls as unknown, in ' +
        'milliseconds. At least three times beatMs.',
    }),
    drainMs: Type.Integer({
      default: 30_000,
      minimum: 0,
      maximum: 300_000,
      description: 'Longest that a stopping gateway goes on writing records that are queued, in milliseconds.',
    }),
  },
  { additionalProperties: false, description: 'The audit log.' },
);
export type AuditSettings = Static<typeof auditSettings>;
