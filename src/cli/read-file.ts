import { readFileSync } from 'node:fs';
import { parse, YAMLParseError } from 'yaml';
import { GateError } from '../core/gate-error.ts';

/** Reads a file that somebody named. Throws GateError `bad-config` with the file and the reason. */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new GateError('bad-config', `cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}

/** Reads a YAML file. Throws GateError `bad-config` with file, line and what is wrong there. */
export function readYaml(file: string): unknown {
  const text = readText(file);
  try {
    return parse(text, { prettyErrors: true });
  } catch (cause) {
    if (!(cause instanceof YAMLParseError)) throw cause;
    const line = cause.linePos?.[0].line ?? 1;
    const what = cause.message.split(' at line ')[0] ?? '';
    throw new GateError('bad-config', `${file}:${line}: ${what}`, { cause });
  }
}
