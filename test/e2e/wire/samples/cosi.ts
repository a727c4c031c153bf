import { State } from '../../../../src/gen/cosi/resource/state_pb.js';
import { sample } from '../sample.ts';

const { method } = State;
const refused = { code: 'PERMISSION_DENIED', because: 'nobody writes resources over the node API' } as const;
const service = { namespace: 'runtime', type: 'Services.v1alpha1.talos.dev', id: 'kubelet' };
const resource = { metadata: { ...service, version: '1', phase: 'running' }, spec: { yamlSpec: '{}' } };

export const cosiSamples = [
  sample(method.get, service),
  sample(method.list, { namespace: 'meta', type: 'ResourceDefinitions.meta.cosi.dev' }),
  // The empty message that says the watch is up, then all of its content and the end of it in one message.
  sample(
    method.watch,
    { ...service, id: undefined, options: { bootstrapContents: true, aggregated: true }, apiVersion: 1 },
    { take: 2 },
  ),
  sample(method.create, { resource }, { refused }),
  sample(method.update, { newResource: resource }, { refused }),
  sample(method.destroy, service, { refused }),
  sample(method.teardown, service, { refused }),
  sample(method.teardownAndDestroy, service, { refused }),
];
