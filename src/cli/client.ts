import type { ClientRequest, IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http';
import { request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { dirname, resolve } from 'node:path';
import { GateError, type GateErrorCode } from '../core/gate-error.ts';
import { readText, readYaml } from './read-file.ts';

/** How the command line reaches a gateway and as whom. Paths are absolute. */
export interface ClientSettings {
  readonly server: string;
  readonly ca: string | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  readonly tokenFile: string | undefined;
}

/** What commander hands over for `--client`, `--server` and their like. */
export interface ClientOptions {
  readonly client?: string;
  readonly server?: string;
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly tokenFile?: string;
}

const fileKeys = ['server', 'ca', 'certificate', 'key', 'token_file'];

/** Merges the client file (`--client`, else TALOSGATE_CLIENT) with single options; options win. */
export function clientSettings(options: ClientOptions, env: NodeJS.ProcessEnv): ClientSettings {
  const file = options.client ?? env['TALOSGATE_CLIENT'];
  const stored = file === undefined ? {} : readClientFile(file);
  const server = options.server ?? stored['server'];
  if (server === undefined) {
    throw new GateError('bad-config', 'no gateway named: give --client FILE or --server URL, or set TALOSGATE_CLIENT');
  }
  const protocol = URL.parse(server)?.protocol;
  if (protocol !== 'https:' && protocol !== 'http:') {
    throw new GateError('bad-config', `${server} is no address of a gateway: write https://host:port`);
  }
  const path = (key: 'ca' | 'certificate' | 'key' | 'tokenFile', name: string): string | undefined =>
    options[key] === undefined ? stored[name] : resolve(options[key]);
  return {
    server,
    ca: path('ca', 'ca'),
    certificate: path('certificate', 'certificate'),
    key: path('key', 'key'),
    tokenFile: path('tokenFile', 'token_file'),
  };
}

/** Sends one JSON request and gives the parsed answer; a problem answer becomes a GateError with its detail. */
export async function callApi(
  settings: ClientSettings,
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
): Promise<unknown> {
  const response = await send(settings, method, path, body);
  return parseAnswer(response.statusCode ?? 0, await wholeText(settings, response));
}

/** Asks for something large and gives it as it comes. What breaks off on the way shows as an error of the stream. */
export async function downloadApi(settings: ClientSettings, path: string): Promise<IncomingMessage> {
  const response = await send(settings, 'GET', path, undefined);
  if (response.statusCode === 200) return response;
  parseAnswer(response.statusCode ?? 0, await wholeText(settings, response));
  throw new GateError('internal', `unexpected answer ${response.statusCode}`);
}

/** Longest silence of an endless answer before it is given up, in milliseconds. The gateway sends a line every 15 s. */
const silenceMs = 60_000;

/**
 * Reads an endless answer line by line, until the signal or the server ends it. `onBegin` gets the headers of a good answer.
 * Throws GateError `upstream-unavailable` when the connection breaks, or falls silent, in the middle.
 */
export async function* streamApi(
  settings: ClientSettings,
  path: string,
  signal: AbortSignal,
  onBegin: (headers: IncomingHttpHeaders) => void = () => undefined,
): AsyncIterable<unknown> {
  const response = await send(settings, 'GET', path, undefined, signal);
  if (response.statusCode !== 200) {
    parseAnswer(response.statusCode ?? 0, await wholeText(settings, response));
    return;
  }
  onBegin(response.headers);
  response.socket.setTimeout(silenceMs, () => response.destroy(new Error('it fell silent')));
  let rest = '';
  try {
    for await (const chunk of response.setEncoding('utf8')) {
      const lines = `${rest}${String(chunk)}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') yield JSON.parse(line) as unknown;
    }
  } catch (error) {
    if (!signal.aborted) throw broken(settings, error);
  }
}

async function wholeText(settings: ClientSettings, response: IncomingMessage): Promise<string> {
  try {
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) text += String(chunk);
    return text;
  } catch (error) {
    throw broken(settings, error);
  }
}

function broken({ server }: ClientSettings, cause: unknown): GateError {
  if (cause instanceof GateError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new GateError(
    'upstream-unavailable',
    `the connection to ${server} broke in the middle of the answer: ${why}`,
    {
      cause,
    },
  );
}

function send(
  settings: ClientSettings,
  method: string,
  path: string,
  body: unknown,
  signal?: AbortSignal,
): Promise<IncomingMessage> {
  const url = new URL(path, settings.server);
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const options = {
    method,
    headers: {
      accept: 'application/json',
      ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
      ...(settings.tokenFile === undefined ? {} : { authorization: `Bearer ${readText(settings.tokenFile).trim()}` }),
    },
    ...(signal === undefined ? {} : { signal }),
    ...(settings.ca === undefined ? {} : { ca: readText(settings.ca) }),
    ...(settings.certificate === undefined ? {} : { cert: readText(settings.certificate) }),
    ...(settings.key === undefined ? {} : { key: readText(settings.key) }),
  };
  return new Promise((resolvePromise, reject) => {
    const request = open(url, options, resolvePromise);
    request.on('error', error =>
      reject(new GateError('upstream-unavailable', `cannot reach ${url.origin}: ${error.message}`, { cause: error })),
    );
    request.end(payload);
  });
}

/** What is wrong with a certificate, a key or a token shows when the request is made, not when it is sent. */
function open(url: URL, options: RequestOptions, onAnswer: (answer: IncomingMessage) => void): ClientRequest {
  try {
    return (url.protocol === 'http:' ? plainRequest : tlsRequest)(url, options, onAnswer);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new GateError('bad-config', `the certificate, key or token cannot be used: ${why}`, { cause });
  }
}

function parseAnswer(status: number, text: string): unknown {
  const value = parseJson(text);
  if (status >= 200 && status < 300) return value;
  const detail =
    typeof value === 'object' && value !== null && 'detail' in value ? String(value.detail) : text.slice(0, 200);
  throw new GateError(errorCodes.get(status) ?? (status >= 500 ? 'upstream-unavailable' : 'denied'), detail);
}

const errorCodes: ReadonlyMap<number, GateErrorCode> = new Map([
  [400, 'bad-request'],
  [401, 'unauthenticated'],
  [404, 'not-found'],
  [409, 'conflict'],
  [429, 'overloaded'],
]);

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function readClientFile(file: string): Record<string, string> {
  const value = readYaml(file);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new GateError('bad-config', `${file}: expected keys ${fileKeys.join(', ')}`);
  }
  const folder = dirname(resolve(file));
  const entries = Object.entries(value).map(([key, entry]): [string, string] => {
    if (!fileKeys.includes(key) || typeof entry !== 'string') {
      throw new GateError('bad-config', `${file}: unknown or non-text key ${key}; known are ${fileKeys.join(', ')}`);
    }
    return [key, key === 'server' ? entry : resolve(folder, entry)];
  });
  return Object.fromEntries(entries);
}
