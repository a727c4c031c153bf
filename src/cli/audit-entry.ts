import { safeText } from './output.ts';

/** A record of the audit log as the API shows it. */
export interface Entry {
  readonly index: string;
  readonly time: string;
  readonly leaf: string;
  readonly record: Readonly<Record<string, unknown>>;
}

/** Heads of the columns that `entryRow` fills. */
export const entryColumns = ['INDEX', 'TIME', 'KIND', 'WHO', 'NODE', 'ACTION', 'RESOURCE', 'DECISION', 'CODE', 'CALL'];

/** One record as cells of a table. */
export function entryRow(entry: Entry): string[] {
  const field = (name: string): string => fieldText(entry, name);
  return [
    entry.index,
    entry.time,
    field('kind'),
    field('principal') || '-',
    field('node') || field('asked') || '-',
    field('action') || field('method') || '-',
    field('resource') || '-',
    field('decision') + (field('reason') === '' ? '' : ` (${field('reason')})`),
    field('grpcCode') || '-',
    field('callId') || '-',
  ];
}

/** A member of a record as text; empty where there is none. */
export function fieldText(entry: Entry, name: string): string {
  return valueText(entry.record[name]);
}

/** A value of a record as one line of text, with nothing in it that could steer a terminal. */
export function valueText(value: unknown): string {
  if (value === undefined || value === null) return '';
  return safeText(typeof value === 'string' ? value : JSON.stringify(value));
}
