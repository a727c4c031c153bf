import type { FieldReader, Read } from './field-reader.ts';
import { encodeSegment } from './segment.ts';

/**
 * `resource/<type>/<namespace>/<id>`, read from the request or from the metadata message that `argument` names.
 * The type is in lower case, as the node compares it. A request for all resources of a kind (List, and Watch without an
 * id) has a literal `*` for the id; a `*` that the caller wrote is `%2A`.
 */
export function cosiResource(fields: FieldReader, argument: string): Read<string> {
  const above = argument === '' ? '' : `${argument}.`;
  const type = fields.string(`${above}type`);
  const namespace = fields.string(`${above}namespace`);
  const id = argument === '' ? idOrAll(fields) : fields.string(`${above}id`);
  return message => {
    const kind = `resource/${encodeSegment(type(message).toLowerCase())}/${encodeSegment(namespace(message))}`;
    const name = id(message);
    return `${kind}/${name === undefined ? '*' : encodeSegment(name)}`;
  };
}

function idOrAll(fields: FieldReader): Read<string | undefined> {
  return fields.has('id') ? fields.optionalString('id') : () => undefined;
}
