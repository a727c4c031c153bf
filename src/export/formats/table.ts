import type { AuditLine } from '../../core/audit-line.ts';
import { toCef } from './cef.ts';
import type { FormatContext } from './context.ts';
import { csvBreak, csvHeader, toCsvLine } from './csv.ts';
import { toJsonLine } from './json-lines.ts';
import { toOcsf } from './ocsf.ts';
import { exampleSdId, toSyslog } from './syslog.ts';

/** A format in which records stand one below the other in a file. */
export interface FileFormat {
  /** Media type of the whole. */
  readonly type: string;
  /** What stands before the first record, with its line break. */
  readonly head: string;
  /** One record with its line break. */
  readonly line: (line: AuditLine, context: FormatContext) => string;
}

/** Every format that one can ask for by name. */
export const fileFormats = {
  jsonl: { type: 'application/x-ndjson', head: '', line: line => `${toJsonLine(line)}\n` },
  csv: { type: 'text/csv; charset=utf-8', head: csvHeader + csvBreak, line: line => toCsvLine(line) + csvBreak },
  ocsf: {
    type: 'application/x-ndjson',
    head: '',
    line: (line, context) => `${JSON.stringify(toOcsf(line, context))}\n`,
  },
  syslog: {
    type: 'text/plain; charset=utf-8',
    head: '',
    line: (line, context) =>
      `${toSyslog(line, { ...context, structuredDataId: exampleSdId, maxBytes: Number.MAX_SAFE_INTEGER })}\n`,
  },
  cef: { type: 'text/plain; charset=utf-8', head: '', line: (line, context) => `${toCef(line, context)}\n` },
} as const satisfies Record<string, FileFormat>;
export type FileFormatName = keyof typeof fileFormats;
