import { GateError } from '../core/gate-error.ts';
import type { FieldReader, Read } from './field-reader.ts';
import { formatReference, normalizeReference, parseReference } from './image-reference.ts';
import { encodeSegment } from './segment.ts';

/**
 * `image/<repository>@<digest>` or `image/<repository>:<tag>` for a reference that the node will pull. It is written
 * out as the node does it (talos internal/pkg/containers/image/pull.go, ParseDockerRef): `alpine` is
 * `docker.io/library/alpine:latest`, and a digest makes the tag mean nothing.
 * Throws GateError `malformed-message` when it is no reference, `denied` when the registry is not in lower case.
 */
export function pulledImageResource(fields: FieldReader, argument: string): Read<string> {
  const reference = fields.string(argument);
  return message => {
    const text = reference(message);
    if (text === '') return 'image/-';
    const { domain, path, tag, digest } = normalizeReference(parseOrRefuse(text));
    // Names of hosts have no case, rules do: `GHCR.io/evil` must not get past a rule on `ghcr.io/evil`.
    if (domain !== domain.toLowerCase()) throw new GateError('denied', 'write the registry of an image in lower case');
    return describe(formatReference({ domain, path, tag, digest }));
  };
}

/**
 * The same for a name that is looked up in the node's image store, where it is taken as written: `alpine` and
 * `docker.io/library/alpine:latest` are two names there, so nothing is added and nothing is left out.
 */
export function storedImageResource(fields: FieldReader, argument: string): Read<string> {
  const reference = fields.string(argument);
  return message => {
    const text = reference(message);
    if (text === '') return 'image/-';
    parseOrRefuse(text);
    return describe(text);
  };
}

const describe = (reference: string): string => `image/${reference.split('/').map(encodeSegment).join('/')}`;

/** The message does not repeat the reference: `user:password@registry/image` is a mistake people make. */
function parseOrRefuse(text: string): ReturnType<typeof parseReference> & object {
  const reference = parseReference(text);
  if (reference === undefined) throw new GateError('malformed-message', 'the image is not a valid image reference');
  return reference;
}
