// Header blocks (RFC 7541) that are the same for every call: the first block of a connection enters its fields into the
// dynamic table, every later one names them by number, as real gRPC clients and servers do.

export type Field = readonly [name: string, value: string];

export interface HeaderBlocks {
  /** For the first call of a connection. Must be the first block that is sent there, or follow `before`. */
  readonly first: Buffer;
  /** For every later call. */
  readonly later: Buffer;
}

/** Number of entries of the static table (RFC 7541 appendix A), hence of the newest dynamic entry less one. */
const staticEntries = 61;

/**
 * Blocks for a fixed list of fields. `after` is how many fields were entered on the connection before these, `total` how
 * many are in the table once everything is: entries are numbered from the newest.
 */
export function indexedBlocks(fields: readonly Field[], after = 0, total = after + fields.length): HeaderBlocks {
  return {
    first: Buffer.concat(fields.map(field => literal(0x40, field))),
    later: Buffer.concat(fields.map((_, i) => Buffer.from([0x80 | (staticEntries + total - after - i)]))),
  };
}

/** One block for peers that allow no dynamic table. The first block of the connection needs `tableOff` before it. */
export function plainBlock(fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.map(field => literal(0x00, field)));
}

/** Dynamic table size update to 0 (RFC 7541 section 6.3), owed after the peer has set SETTINGS_HEADER_TABLE_SIZE 0. */
export const tableOff: Buffer = Buffer.from([0x20]);

function literal(pattern: number, [name, value]: Field): Buffer {
  return Buffer.concat([Buffer.from([pattern]), text(name), text(value)]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  if (bytes.length > 126) throw new RangeError(`header text of ${bytes.length} bytes, at most 126`);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}
