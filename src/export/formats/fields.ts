/** Members of a canonical body. Integers stand there as text; what a later version adds is there too. */
export type Fields = Readonly<Record<string, unknown>>;

/** Reads a canonical body. Throws SyntaxError on anything else, which the log does not hold. */
export function readFields(body: string): Fields {
  return JSON.parse(body) as Fields;
}

/** A member that is text; undefined where it is absent or something else. */
export function textOf(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  return typeof value === 'string' ? value : undefined;
}

/** A member that is an integer written as text; undefined where it is none. */
export function numberOf(fields: Fields, name: string): number | undefined {
  const value = textOf(fields, name);
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}

/** Texts of a member that is a list. */
export function textsOf(fields: Fields, name: string): readonly string[] {
  const value = fields[name];
  return Array.isArray(value) ? value.filter(one => typeof one === 'string') : [];
}

/** Milliseconds since the epoch at which the gateway says it happened; 0 where it does not say. */
export function timeOf(fields: Fields): number {
  const time = Date.parse(textOf(fields, 'time') ?? '');
  return Number.isNaN(time) ? 0 : time;
}
