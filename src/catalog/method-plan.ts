import type { DescMessage, DescMethod } from '@bufbuild/protobuf';
import { GateError } from '../core/gate-error.ts';
import type { Method, RequestFacts } from '../core/method.ts';
import type { Annotation } from './annotation.ts';
import { resolvePath } from './field-path.ts';
import { type Decoded, FieldReader, type Read, readField } from './field-reader.ts';
import { type RaisedAction, raises } from './raise.ts';
import { compileResource } from './resource.ts';
import { compileSummary, type Summarize } from './summary.ts';
import { compileWirePlan, type MessagePlan } from './wire-plan.ts';

/** Everything about a method that is worked out once, so that a call only runs compiled readers. */
export interface MethodPlan {
  readonly input: DescMessage;
  /** For the request, or the first message of a stream. */
  readonly wire: MessagePlan;
  /** For the later messages of a client's stream; undefined where there are none. */
  readonly laterWire: MessagePlan | undefined;
  readonly resources: Read<readonly string[]>;
  /** The stricter action that this request has, if any. */
  readonly raised: Read<RaisedAction | undefined>;
  /** The image that the request runs; undefined where it runs none. */
  readonly image: Read<string> | undefined;
  /** The machine configuration in the request; undefined for methods that bring none. */
  readonly configuration: Read<Uint8Array> | undefined;
  readonly summarize: Summarize;
  /** What an empty payload says: the same every time, so it is worked out once. Filled on first use. */
  emptyFacts: RequestFacts | undefined;
}

/** Compiles the plan. Throws when an annotation names a field, builder or raise that does not fit the request type. */
export function compileMethodPlan(method: DescMethod, annotation: Annotation): MethodPlan {
  const { input } = method;
  const fields = new FieldReader(input);
  const resources = compileResource(annotation.resource, fields);
  const raise = raises.get(annotation.raise);
  const when = raise?.when(fields);
  const image = annotation.pinnedImage === '' ? undefined : fields.string(annotation.pinnedImage);
  const unlisted = [...fields.used].find(path => !annotation.policyFields.includes(path));
  if (unlisted !== undefined) throw new Error(`policy looks at "${unlisted}", which is not in policy_fields`);
  return {
    input,
    wire: compileWirePlan(input, annotation.streamFirst),
    laterWire: annotation.streamLater.length === 0 ? undefined : compileWirePlan(input, annotation.streamLater),
    resources,
    raised: (message: Decoded) => (when?.(message) === true ? raise?.to : undefined),
    image,
    configuration: annotation.action === 'config.apply' ? configurationIn(input) : undefined,
    summarize: compileSummary(input, annotation.show, annotation.digest, annotation.approvalFloor),
    emptyFacts: undefined,
  };
}

/** The one action that changes configurations carries it as bytes in `data`. */
function configurationIn(input: DescMessage): Read<Uint8Array> {
  const read = readField(resolvePath(input, 'data')[0]);
  return message => read(message) as Uint8Array;
}

const plans = new WeakMap<Method, MethodPlan>();

export function rememberPlan(method: Method, plan: MethodPlan): void {
  plans.set(method, plan);
}

/** The plan of a method that `createCatalog` made. Throws GateError `internal` for any other. */
export function planOf(method: Method): MethodPlan {
  const plan = plans.get(method);
  if (plan === undefined) throw new GateError('internal', `${method.path} did not come out of the catalog`);
  return plan;
}
