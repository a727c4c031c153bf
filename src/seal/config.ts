import Type from 'typebox';
import { pathNotation, type SettingsProblem, secretNotation } from '../core/settings.ts';
import { createSigner, parseVerifier } from '../tlog/note.ts';

/** Fragment `sealing`. */
export const SealingSettings = Type.Object(
  {
    origin: Type.String({
      minLength: 1,
      maxLength: 200,
      description:
        'Name that the log is signed under, of your own and never used for another log: gate.example.com/audit. All replicas have the same.',
    }),
    key: Type.Unsafe<string>({
      ...secretNotation,
      description: 'Ed25519 private key that signs the log, PEM. All replicas have the same.',
    }),
    state: Type.Unsafe<string>({
      ...pathNotation,
      description:
        'File in which this replica remembers what was signed last, on a disk of its own: it shows when the database was set back.',
    }),
    witnesses: Type.Array(
      Type.Object(
        {
          url: Type.String({
            pattern: '^https?://',
            description: 'Where the witness takes checkpoints, without /add-checkpoint; http only on loopback.',
          }),
          key: Type.String({ description: 'Its verifier key: name+keyid+base64.' }),
        },
        { additionalProperties: false },
      ),
      {
        default: [],
        maxItems: 16,
        description: 'Witnesses that confirm every ten seconds what was signed. They learn sizes and hashes only.',
      },
    ),
  },
  {
    additionalProperties: false,
    description: 'The signed tree over the audit log. Left out: the log can be changed by whoever owns the database.',
  },
);
export type SealingSettings = Type.Static<typeof SealingSettings>;

/** What the schema cannot say. */
export function sealingProblems(settings: SealingSettings | undefined): SettingsProblem[] {
  if (settings === undefined) return [];
  const problems: SettingsProblem[] = [];
  const attempt = (path: SettingsProblem['path'], remedy: string, work: () => void): void => {
    try {
      work();
    } catch (cause) {
      problems.push({ path, message: cause instanceof Error ? cause.message : 'cannot be read', remedy });
    }
  };
  const { origin, key, witnesses } = settings;
  // An empty key was told already: its file or variable is missing.
  if (key !== '') {
    attempt(['key'], 'make one with: talosgate audit keygen FILE', () => createSigner('any', key, 'note'));
    attempt(['origin'], 'write a name such as gate.example.com/audit', () => assertOrigin(origin));
  }
  for (const [index, witness] of witnesses.entries()) {
    attempt(['witnesses', index, 'url'], 'write https://', () => assertPrivate(witness.url));
    attempt(['witnesses', index, 'key'], 'copy the key that the witness printed at its start', () => {
      if (parseVerifier(witness.key).type !== 'cosignature') throw new Error('this key is not one of a witness');
    });
  }
  return problems;
}

/** That a witness has seen more, or something else, is not signed, and stops the sealing: nobody on the way may say it. */
function assertPrivate(url: string): void {
  if (!URL.canParse(url)) throw new Error('this is no address');
  const { protocol, hostname } = new URL(url);
  if (protocol === 'https:' || /^(localhost|\[::1\]|127(\.\d{1,3}){3})$/.test(hostname)) return;
  throw new Error('anybody on the way could answer for this witness');
}

function assertOrigin(origin: string): void {
  if (/[\s+\p{Cc}]/u.test(origin)) throw new Error('the name of the log must not hold blanks or plus signs');
}
