import { readFile } from 'node:fs/promises';
import Type from 'typebox';
import { pathNotation, type SettingsProblem, secretNotation } from '../core/settings.ts';
import { readAuditorKey } from './keys.ts';

/** Fragment `sessions`. */
export const SessionSettings = Type.Object(
  {
    auditors: Type.Array(Type.Unsafe<string>({ ...pathNotation }), {
      maxItems: 32,
      default: [],
      description:
        'Public keys (X25519, PEM) of those who may open recordings. When there is one, nobody else can, not even the gateway.',
    }),
    key: Type.Optional(
      Type.Unsafe<string>({
        ...secretNotation,
        description:
          'Key of the deployment, at least 32 characters, for recordings while there are no auditors. Default: derived from audit.digest_key.',
      }),
    ),
    input: Type.Enum(['counts', 'echoed'], {
      default: 'counts',
      description:
        'What is kept of the keyboard: only how much was typed, or also the lines that the terminal showed while they were typed.',
    }),
  },
  { additionalProperties: false, default: {}, description: 'Recording of debug sessions.' },
);
export type SessionSettings = Type.Static<typeof SessionSettings>;

/** What the schema cannot say: whether the keys are keys. Empty when all is well. */
export async function sessionProblems(settings: SessionSettings): Promise<SettingsProblem[]> {
  const problems: SettingsProblem[] = [];
  for (const [index, file] of settings.auditors.entries()) {
    try {
      readAuditorKey(await readFile(file, 'utf8'));
    } catch (cause) {
      problems.push({
        path: ['auditors', index],
        message: `${file} is no public key of an auditor (${cause instanceof Error ? cause.message : String(cause)})`,
        remedy: 'make a pair with: talosgate sessions keygen FILE, and name FILE.pub here',
      });
    }
  }
  if (settings.key !== undefined && settings.key !== '' && settings.key.length < 32) {
    problems.push({
      path: ['key'],
      message: 'the key is shorter than 32 characters',
      remedy: 'make one with: openssl rand -hex 32',
    });
  }
  return problems;
}
