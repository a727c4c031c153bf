import Type from 'typebox';
import {
  addressNotation,
  durationNotation,
  pathNotation,
  type SettingsProblem,
  secretNotation,
} from '../core/settings.ts';

const common = {
  name: Type.String({
    pattern: '^[a-z0-9][a-z0-9-]{0,31}$',
    description: 'Name of the channel in the audit log; unique. A channel that is renamed starts anew.',
    'x-remedy': 'write lower-case letters, digits and hyphens, at most 32',
  }),
  events: Type.Array(Type.Enum(['requested', 'approved', 'denied', 'lapsed', 'started', 'ended']), {
    minItems: 1,
    default: ['requested', 'denied', 'lapsed'],
    description:
      'What the channel is told of: a request is raised, approved, denied; it lapses or is taken back; its grant is used; the call ends. Emergencies and their reviews are told to every channel.',
  }),
  escalate_after: Type.Optional(
    Type.Unsafe<number>({
      ...durationNotation,
      description: 'Tell this channel of a request only when it has waited so long for a decision: the second list.',
    }),
  ),
};

const ca = Type.Optional(
  Type.Unsafe<string>({ ...pathNotation, description: 'CA bundle of the receiver, when it is not a public one.' }),
);

const WebhookChannel = Type.Object(
  {
    ...common,
    url: Type.String({
      pattern: '^https?://[^\\s]+$',
      maxLength: 500,
      description: 'Where the signed JSON message is posted; http only on loopback.',
      'x-remedy': 'write an address such as https://pager.example.com/hook',
    }),
    secret: Type.Unsafe<string>({
      ...secretNotation,
      description: 'Key of the signature, at least 24 characters; whsec_<base64> as in Standard Webhooks, or any text.',
    }),
    ca,
  },
  { additionalProperties: false },
);
export type WebhookChannel = Type.Static<typeof WebhookChannel>;

const SlackChannel = Type.Object(
  {
    ...common,
    url: Type.Unsafe<string>({
      ...secretNotation,
      description:
        'Incoming-webhook address of Slack, Mattermost or Rocket.Chat. Who has it can post, so it is a secret.',
    }),
    ca,
  },
  { additionalProperties: false },
);
export type SlackChannel = Type.Static<typeof SlackChannel>;

const MailChannel = Type.Object(
  {
    ...common,
    server: Type.Unsafe<string>({ ...addressNotation, description: 'SMTP server, host:port.' }),
    tls: Type.Enum(['starttls', 'implicit', 'none'], {
      default: 'starttls',
      description: 'How the connection is kept private. starttls is demanded, not tried; none only on loopback.',
    }),
    user: Type.Optional(Type.String({ minLength: 1, description: 'Login of the server, when it wants one.' })),
    password: Type.Optional(Type.Unsafe<string>({ ...secretNotation, description: 'Password of the login.' })),
    from: Type.String({ pattern: '^[^\\s@]+@[^\\s@]+$', maxLength: 254, description: 'Sender.' }),
    to: Type.Array(Type.String({ pattern: '^[^\\s@]+@[^\\s@]+$', maxLength: 254 }), {
      minItems: 1,
      maxItems: 50,
      description: 'Receivers.',
    }),
    ca,
  },
  { additionalProperties: false },
);
export type MailChannel = Type.Static<typeof MailChannel>;

/** Fragment `notifications`: who is told of approvals, and how. */
export const NotifySettings = Type.Object(
  {
    webhooks: Type.Array(WebhookChannel, { default: [], maxItems: 20, description: 'Signed JSON messages over HTTP.' }),
    slack: Type.Array(SlackChannel, {
      default: [],
      maxItems: 20,
      description: 'Chat messages with a link, never a decision.',
    }),
    mail: Type.Array(MailChannel, { default: [], maxItems: 20, description: 'E-mail over SMTP.' }),
    give_up: Type.Unsafe<number>({
      ...durationNotation,
      default: '24h',
      description: 'How long a message is tried again that could not be delivered; at most 7d.',
    }),
  },
  { additionalProperties: false, default: {}, description: 'Who is told of approvals, and how.' },
);
export type NotifySettings = Type.Static<typeof NotifySettings>;

const dayMs = 24 * 3_600_000;

/** What the schema cannot say. Empty when all is well. */
export function notifyProblems(settings: NotifySettings): SettingsProblem[] {
  const problems: SettingsProblem[] = [];
  const taken = new Set<string>();
  for (const group of ['webhooks', 'slack', 'mail'] as const) {
    for (const [index, { name }] of settings[group].entries()) {
      if (taken.has(name)) {
        problems.push({
          path: [group, index, 'name'],
          message: `${name} names another channel already`,
          remedy: 'give each channel a name of its own',
        });
      }
      taken.add(name);
    }
  }
  for (const [index, { url, secret }] of settings.webhooks.entries()) {
    if (!isPrivate(url)) problems.push(inClear(['webhooks', index, 'url'], 'write https://'));
    if (secret !== '' && secret.length < 24) {
      problems.push({
        path: ['webhooks', index, 'secret'],
        message: 'the secret has fewer than 24 characters',
        remedy: 'make one with: openssl rand -base64 32',
      });
    }
  }
  for (const [index, { url }] of settings.slack.entries()) {
    if (url === '') continue;
    const path = ['slack', index, 'url'];
    if (!URL.canParse(url) || !/^https?:/.test(url)) {
      problems.push({ path, message: 'the secret holds no address', remedy: 'store the whole address https://…' });
    } else if (!isPrivate(url)) problems.push(inClear(path, 'store an https:// address'));
  }
  for (const [index, { tls, server, user, password }] of settings.mail.entries()) {
    const host = server.slice(0, server.lastIndexOf(':')).replace(/^\[|\]$/g, '');
    if (tls === 'none' && !isLoopback(host))
      problems.push(inClear(['mail', index, 'tls'], 'write starttls or implicit'));
    if ((user === undefined) !== (password === undefined)) {
      problems.push({
        path: ['mail', index],
        message: 'user and password go together',
        remedy: 'give both, or none of them',
      });
    }
  }
  if (settings.give_up < 1_000 || settings.give_up > 7 * dayMs) {
    problems.push({ path: ['give_up'], message: 'give_up must be between 1s and 7d', remedy: 'write a time up to 7d' });
  }
  return problems;
}

function inClear(path: (string | number)[], remedy: string): SettingsProblem {
  return { path, message: 'messages would cross the network in the clear', remedy };
}

function isPrivate(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || isLoopback(hostname.replace(/^\[|\]$/g, ''));
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
