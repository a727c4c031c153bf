import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseDuration, type SettingsProblem } from '../core/settings.ts';
import { configSchema, type SchemaNode } from './schema.ts';

export interface NotationOptions {
  /** Folder that relative paths start from. */
  readonly directory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Puts meanings in the place of notations: absolute paths, secrets, milliseconds. The value must have passed the
 * schema. Secrets that cannot be had are problems, and leave an empty text in their place.
 */
export async function resolveNotations(
  value: unknown,
  options: NotationOptions,
): Promise<{ readonly value: unknown; readonly problems: readonly SettingsProblem[] }> {
  const problems: SettingsProblem[] = [];

  async function walk(at: unknown, schema: SchemaNode | undefined, path: (string | number)[]): Promise<unknown> {
    if (at === undefined || schema === undefined) return at;
    switch (schema['x-notation']) {
      case 'path':
        return resolve(options.directory, at as string);
      case 'duration':
        return parseDuration(at as string);
      case 'secret': {
        const secret = await readSecret(at as SecretReference, options);
        if (typeof secret === 'string') return secret;
        problems.push({ path, ...secret });
        return '';
      }
      case 'address':
        problems.push(...addressProblems(at as string, path));
        return at;
      default:
        return walkInto(at, schema, path);
    }
  }

  async function walkInto(at: unknown, schema: SchemaNode, path: (string | number)[]): Promise<unknown> {
    if (Array.isArray(at)) {
      const items: unknown[] = [];
      for (const [index, item] of at.entries()) items.push(await walk(item, schema.items, [...path, index]));
      return items;
    }
    if (typeof at !== 'object' || at === null) return at;
    const entries: [string, unknown][] = [];
    for (const [key, item] of Object.entries(at)) {
      entries.push([key, await walk(item, schema.properties?.[key], [...path, key])]);
    }
    return Object.fromEntries(entries);
  }

  return { value: await walk(value, configSchema, []), problems };
}

interface SecretReference {
  readonly file?: string;
  readonly env?: string;
}

async function readSecret(
  reference: SecretReference,
  { directory, env }: NotationOptions,
): Promise<string | { readonly message: string; readonly remedy: string }> {
  if (reference.env !== undefined) {
    const secret = env[reference.env];
    if (secret !== undefined && secret !== '') return secret;
    return {
      message: `the environment variable ${reference.env} is not set, or empty`,
      remedy: 'set it before the gateway starts, or refer to a file',
    };
  }
  const file = resolve(directory, reference.file ?? '');
  try {
    const secret = (await readFile(file, 'utf8')).replace(/\r?\n$/, '');
    if (secret !== '') return secret;
    return { message: `${file} is empty`, remedy: 'write the secret into that file' };
  } catch (cause) {
    return {
      message: `${file} ${fileTrouble(cause)}`,
      remedy: 'write the secret into that file, readable for the gateway',
    };
  }
}

/** Why a file cannot be used, in words that follow its name. */
export function fileTrouble(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'ENOENT') return 'does not exist';
  if (code === 'EACCES') return 'may not be read by this user';
  if (code === 'EISDIR') return 'is a directory';
  return `cannot be read (${typeof code === 'string' ? code : 'unknown reason'})`;
}

function addressProblems(address: string, path: (string | number)[]): SettingsProblem[] {
  const { host, port } = splitAddress(address);
  const isSound = port <= 65_535 && URL.canParse(`http://${host.includes(':') ? `[${host}]` : host}/`);
  if (isSound) return [];
  return [{ path, message: 'this is not an address with a port', remedy: 'write host:port, with a port up to 65535' }];
}

/** Cuts `host:port`, brackets of IPv6 removed. */
export function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
  return { host, port: Number(address.slice(colon + 1)) };
}
