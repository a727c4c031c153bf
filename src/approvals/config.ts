import Type from 'typebox';
import { durationNotation, type SettingsProblem } from '../core/settings.ts';

/** Times and texts of approvals. Times can be shortened; only a session may be made longer than its default. */
export const ApprovalSettings = Type.Object(
  {
    pending: Type.Unsafe<number>({
      ...durationNotation,
      default: '1h',
      description: 'How long a request waits for decisions; at most 1h.',
    }),
    claim_window: Type.Unsafe<number>({
      ...durationNotation,
      default: '30m',
      description: 'How long a grant waits for its use; at most 30m.',
    }),
    session: Type.Unsafe<number>({
      ...durationNotation,
      default: '60m',
      description: 'Longest debug session; at most 4h.',
    }),
    idle: Type.Unsafe<number>({
      ...durationNotation,
      default: '15m',
      description: 'A debug session without input and output ends after this; at most 15m.',
    }),
    max_open: Type.Integer({
      minimum: 1,
      maximum: 100,
      default: 10,
      description: 'Open requests and unused grants that one requester may have.',
    }),
    reason_required: Type.Boolean({
      default: true,
      description: 'Ask for a reason before a request for a debug container is raised.',
    }),
    emergency: Type.Object(
      {
        enabled: Type.Boolean({
          default: false,
          description: 'Whether people with approvals.emergency may start alone, under review.',
        }),
        fresh: Type.Unsafe<number>({
          ...durationNotation,
          default: '5m',
          description: 'How old their proof of identity may be; at most 1h.',
        }),
        blocked_by: Type.Enum(['anyone', 'own', 'none'], {
          default: 'anyone',
          description: 'Whose open review keeps another emergency from starting.',
        }),
      },
      { additionalProperties: false, default: {}, description: 'Starting alone when nobody answers.' },
    ),
    base_url: Type.Optional(
      Type.String({
        pattern: '^https?://[^\\s]+$',
        maxLength: 200,
        description: 'Where people open talosgate in a browser; links to approvals start with it.',
        'x-remedy': 'write an address such as https://talosgate.example.com',
      }),
    ),
    approvers: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 100,
        description: 'Who to ask, as the requester reads it: platform-leads. Only a hint; policy decides who may.',
      }),
    ),
  },
  { additionalProperties: false, default: {}, description: "Requests for a second person's agreement." },
);
export type ApprovalSettings = Type.Static<typeof ApprovalSettings>;

const hourMs = 3_600_000;
const limits = [
  { key: 'pending', least: 1_000, most: hourMs, text: '1s to 1h' },
  { key: 'claim_window', least: 1_000, most: hourMs / 2, text: '1s to 30m' },
  { key: 'session', least: 1_000, most: 4 * hourMs, text: '1s to 4h' },
  { key: 'idle', least: 1_000, most: hourMs / 4, text: '1s to 15m' },
] as const;

/** What the schema cannot say: the bounds of the times. Empty when all is well. */
export function approvalProblems(settings: ApprovalSettings): SettingsProblem[] {
  const { fresh } = settings.emergency;
  const stale =
    fresh >= 1_000 && fresh <= hourMs
      ? []
      : [
          {
            path: ['emergency', 'fresh'],
            message: 'fresh must be between 1s and 1h',
            remedy: 'write a time from 1s to 1h',
          },
        ];
  return [...stale, ...timeProblems(settings)];
}

function timeProblems(settings: ApprovalSettings): SettingsProblem[] {
  return limits
    .filter(({ key, least, most }) => settings[key] < least || settings[key] > most)
    .map(({ key, text }) => ({
      path: [key],
      message: `${key} must be between ${text.replace(' to ', ' and ')}`,
      remedy: `write a time from ${text}`,
    }));
}
