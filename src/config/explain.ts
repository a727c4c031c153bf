import { Settings } from 'typebox/system';
import Value from 'typebox/value';
import type { SettingsProblem } from '../core/settings.ts';
import { ConfigFile, type SchemaNode, schemaAt } from './schema.ts';
import { suggest } from './suggest.ts';

/** A problem with the shape of the file; `onKey` when the key itself is wrong. */
export interface ShapeProblem extends SettingsProblem {
  readonly onKey: boolean;
}

/** Most problems that are listed in one go. */
const maxProblems = 100;

/** Says what is wrong with the shape of a value, in words and without repeating what stands in it. */
export function explainShape(value: unknown): ShapeProblem[] {
  const problems = new Map<string, ShapeProblem>();
  for (const error of errorsOf(value)) {
    const path = toPath(error.instancePath);
    for (const problem of explain(error, path, value)) {
      // A value that fails a choice fails each alternative too; one line about a place is enough.
      problems.set(problem.path.join('/'), problem);
    }
  }
  return [...problems.values()];
}

type SchemaError = ReturnType<typeof Value.Errors>[number];

/** TypeBox stops after eight errors unless told otherwise, and can be told only for the whole process. */
function errorsOf(value: unknown): readonly SchemaError[] {
  const { maxErrors } = Settings.Get();
  Settings.Set({ maxErrors: maxProblems });
  try {
    return Value.Errors(ConfigFile, value);
  } finally {
    Settings.Set({ maxErrors });
  }
}

function toPath(pointer: string): (string | number)[] {
  return pointer
    .split('/')
    .slice(1)
    .map(step => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map(step => (/^[0-9]+$/.test(step) ? Number(step) : step));
}

function explain(error: SchemaError, path: (string | number)[], value: unknown): ShapeProblem[] {
  const schema = schemaAt(path);
  switch (error.keyword) {
    case 'boolean':
      // Said again, and better, as additionalProperties.
      return [];
    case 'additionalProperties':
      return error.params.additionalProperties.map(key => unknownKey(key, path, schema));
    case 'required':
      return error.params.requiredProperties.map(key => missingKey(key, path, schema));
    case 'enum':
      return [choice(path, schema, value)];
    default:
      return [{ path, onKey: false, message: describe(error, schema), remedy: remedyOf(schema) }];
  }
}

function unknownKey(key: string, path: (string | number)[], schema: SchemaNode | undefined): ShapeProblem {
  const known = Object.keys(schema?.properties ?? {});
  const meant = suggest(key, known);
  return {
    path: [...path, key],
    onKey: true,
    message: `unknown key ${key}`,
    remedy:
      meant !== undefined
        ? `did you mean ${meant}?`
        : known.length > 0
          ? `known here: ${known.join(', ')}`
          : remedyOf(schema),
  };
}

function missingKey(key: string, path: (string | number)[], schema: SchemaNode | undefined): ShapeProblem {
  const wanted = schema?.properties?.[key];
  const about = wanted?.description === undefined ? '' : ` (${wanted.description})`;
  return { path: [...path, key], onKey: true, message: `missing key ${key}`, remedy: `add ${key}:${about}` };
}

function choice(path: (string | number)[], schema: SchemaNode | undefined, value: unknown): ShapeProblem {
  const known = (schema?.enum ?? []).map(String);
  const typed = path.reduce<unknown>((at, step) => (at as Record<string, unknown>)[step], value);
  const meant = typeof typed === 'string' ? suggest(typed, known) : undefined;
  const remedy = schema?.['x-remedy'] ?? `write one of: ${known.join(', ')}`;
  return {
    path,
    onKey: false,
    message: 'not one of the known values',
    remedy: meant === undefined ? remedy : `did you mean ${meant}? ${remedy}`,
  };
}

const notationWords: Readonly<Record<string, string>> = {
  secret: 'a reference to a secret, not the secret itself',
  duration: 'a length of time',
  address: 'an address with a port',
  path: 'the name of a file or folder',
};

const typeWords: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a section with keys',
};

function describe(error: SchemaError, schema: SchemaNode | undefined): string {
  const notation = notationWords[schema?.['x-notation'] ?? ''];
  if (notation !== undefined) return `this must be ${notation}`;
  switch (error.keyword) {
    case 'type': {
      const word = typeWords[schema?.type ?? ''];
      return word === undefined ? 'this does not have the expected form' : `this must be ${word}`;
    }
    case 'minLength':
    case 'minItems':
    case 'minProperties':
      return 'this must not be empty';
    case 'maxLength':
      return `this is longer than ${error.params.limit} characters`;
    case 'maxItems':
      return `this has more than ${error.params.limit} entries`;
    case 'minimum':
    case 'maximum':
      return `this must be ${error.keyword === 'minimum' ? 'at least' : 'at most'} ${error.params.limit}`;
    default:
      return 'this does not have the expected form';
  }
}

function remedyOf(schema: SchemaNode | undefined): string {
  return schema?.['x-remedy'] ?? schema?.description ?? 'see docs/configuration.md';
}
