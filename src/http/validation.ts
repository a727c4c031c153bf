import type { FastifySchema } from 'fastify';
import { GateError } from '../core/gate-error.ts';

/** What fastify says of a request that does not fit the schema of its route. */
interface SchemaMistake {
  readonly validation: readonly {
    readonly instancePath: string;
    readonly keyword: string;
    readonly params: Readonly<Record<string, unknown>>;
    readonly message?: string;
  }[];
  readonly validationContext?: string;
}

interface PropertySchema {
  readonly description?: string;
}

/**
 * Puts a request that does not fit its schema in words: which field, what is wrong with it, and what belongs there.
 * Undefined for every other error.
 */
export function explainMistake(error: unknown, schema: FastifySchema | undefined): GateError | undefined {
  if (!isSchemaMistake(error)) return undefined;
  const [mistake] = error.validation;
  if (mistake === undefined) return undefined;
  const part = schema?.[(error.validationContext ?? '') as keyof FastifySchema] as
    | { readonly properties?: Readonly<Record<string, PropertySchema>> }
    | undefined;
  const known = part?.properties ?? {};
  const name = mistake.instancePath.split('/')[1] ?? '';
  const { additionalProperty, missingProperty } = mistake.params;
  if (typeof additionalProperty === 'string') {
    const list = Object.keys(known).join(', ');
    return wrong(`there is no ${JSON.stringify(additionalProperty.slice(0, 64))} here; known are ${list}`);
  }
  if (typeof missingProperty === 'string') return wrong(`${missingProperty} is missing${hint(known[missingProperty])}`);
  if (mistake.keyword === 'pattern') return wrong(`${name}: this cannot stand here${hint(known[name])}`);
  return wrong(`${name === '' ? 'the request' : name} ${mistake.message ?? 'is wrong'}${hint(known[name])}`);
}

function wrong(message: string): GateError {
  return new GateError('bad-request', message);
}

function hint(property: PropertySchema | undefined): string {
  return property?.description === undefined ? '' : `: ${property.description}`;
}

function isSchemaMistake(error: unknown): error is SchemaMistake {
  return error instanceof Error && 'validation' in error && Array.isArray(error.validation);
}
