import { GateError } from '../core/gate-error.ts';
import { containerResource, logsResource } from './container-resource.ts';
import { cosiResource } from './cosi-resource.ts';
import type { Decoded, FieldReader, Read } from './field-reader.ts';
import { fileResource, filesResource } from './file-resource.ts';
import { pulledImageResource, storedImageResource } from './image-resource.ts';
import {
  debugResource,
  deviceResource,
  healthResource,
  mintResource,
  resetResource,
  shutdownResource,
  wipeResource,
} from './node-resource.ts';
import { encodeSegment } from './segment.ts';

/** Longest resource that is handed to policy and audit, in characters; with several, of all together. */
const maxResource = 8192;

/**
 * Compiles the `resource` of an annotation: `literal/{field}` or `@builder[:argument]`. The reader that comes back says
 * what the request is about, one resource for each thing it names; it throws GateError where the request may not be described at all (a path with `..`).
 * Compiling throws on an unknown builder and on fields that are missing or of another type.
 */
export function compileResource(template: string, fields: FieldReader): Read<readonly string[]> {
  const render = template.startsWith('@') ? compileBuilder(template, fields) : compileTemplate(template, fields);
  return message => {
    const rendered = render(message);
    const resources = typeof rendered === 'string' ? [rendered] : [...new Set(rendered)];
    if (resources.reduce((length, resource) => length + resource.length + 1, -1) <= maxResource) return resources;
    throw new GateError(
      'malformed-message',
      `the request names more than policy can judge (${maxResource} characters)`,
    );
  };
}

/** Compiles one kind of resource; `argument` is what follows the colon in the annotation, '' when nothing does. */
type ResourceBuilder = (fields: FieldReader, argument: string) => Read<string | readonly string[]>;

const builders: ReadonlyMap<string, ResourceBuilder> = new Map<string, ResourceBuilder>([
  ['container', containerResource],
  ['debug', debugResource],
  ['file', fileResource],
  ['files', filesResource],
  ['health', healthResource],
  ['image', pulledImageResource],
  ['logs', logsResource],
  ['md', deviceResource('md')],
  ['mint', mintResource],
  ['pv', deviceResource('pv')],
  ['reset', resetResource],
  ['resource', cosiResource],
  ['shutdown', shutdownResource],
  ['stored-image', storedImageResource],
  ['wipe', wipeResource],
]);

function compileBuilder(template: string, fields: FieldReader): Read<string | readonly string[]> {
  const [name = '', argument = ''] = template.slice(1).split(':');
  const builder = builders.get(name);
  if (builder === undefined) throw new Error(`there is no resource builder "@${name}"`);
  return builder(fields, argument);
}

function compileTemplate(template: string, fields: FieldReader): Read<string> {
  const segments = template.split('/').map(segment => compileSegment(segment, fields));
  const [first, ...rest] = segments;
  if (first === undefined || template === '') throw new Error('the resource is empty');
  if (rest.length === 0) return first;
  return message => {
    let resource = first(message);
    for (const segment of rest) resource += `/${segment(message)}`;
    return resource;
  };
}

function compileSegment(segment: string, fields: FieldReader): Read<string> {
  if (/^[a-z-]+$/.test(segment)) return () => segment;
  const path = /^\{([a-z0-9_.]+)\}$/.exec(segment)?.[1];
  if (path === undefined) throw new Error(`"${segment}" is neither a literal nor a {field}`);
  const read = fields.text(path);
  return (message: Decoded) => encodeSegment(read(message));
}
