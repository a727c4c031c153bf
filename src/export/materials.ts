import { readFile } from 'node:fs/promises';
import { GateError } from '../core/gate-error.ts';

/** How to be sure of a receiver, and how it can be sure of us. PEM texts. */
export interface TlsMaterials {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Reads the files that a sink names. Throws GateError `bad-config` that names the file. */
export async function readTlsMaterials(
  sink: string,
  files: {
    readonly ca?: string | undefined;
    readonly certificate?: string | undefined;
    readonly key?: string | undefined;
  },
): Promise<TlsMaterials> {
  const read = async (file: string): Promise<string> => {
    try {
      return await readFile(file, 'utf8');
    } catch (cause) {
      throw new GateError('bad-config', `export sink ${sink}: ${file} cannot be read`, { cause });
    }
  };
  return {
    ...(files.ca === undefined ? {} : { ca: await read(files.ca) }),
    ...(files.certificate === undefined ? {} : { cert: await read(files.certificate) }),
    ...(files.key === undefined ? {} : { key: await read(files.key) }),
  };
}
