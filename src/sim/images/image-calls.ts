import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { ContainerDriver, type ContainerdNamespace } from '../../gen/common/common_pb.js';
import { ImageService, ImageServicePullResponseSchema } from '../../gen/machine/image_pb.js';
import { MachineService } from '../../gen/machine/machine_pb.js';
import { clientStream, serverStream, unary } from '../handler.ts';
import { pause, SimStatus } from '../sim-call.ts';
import { chooseInstance, type InstanceChoice, normalizeReference, pinned, type SimImage } from './image-store.ts';
import { pullProgress } from './pull-progress.ts';

/** `talosctl image` of both generations, and the first half of `talosctl debug`. */
export const imageHandlers = [
  serverStream(ImageService.method.list, async (node, request, send) => {
    for (const image of node.images.list(chooseInstance(request.containerd))) {
      await send({ ...describe(image), labels: { 'io.cri-containerd.image': 'managed' } });
    }
  }),
  serverStream(ImageService.method.pull, async (node, request, send, call) => {
    const choice = chooseInstance(request.containerd);
    const known = node.images.find(choice, request.imageRef);
    if (known === undefined) {
      assertPullable(request.imageRef);
      for (const value of pullProgress(request.imageRef)) {
        await pause(node.settings.timing.step / 4, call.signal);
        await send({ response: { case: 'pullProgress', value } });
      }
    }
    const image = known ?? node.images.add(choice, request.imageRef);
    await send(create(ImageServicePullResponseSchema, { response: { case: 'name', value: pinned(image) } }));
  }),
  clientStream(ImageService.method.import, async (node, receive) => {
    const first = await receive();
    if (first?.request.case !== 'containerd') {
      throw new SimStatus('INVALID_ARGUMENT', 'containerd instance is required');
    }
    const choice = chooseInstance(first.request.value);
    let size = 0;
    for (let next = await receive(); next !== undefined; next = await receive()) {
      if (next.request.case !== 'imageChunk') throw new SimStatus('INTERNAL', 'failed to import image: no image chunk');
      size += next.request.value.bytes.length;
    }
    if (size === 0) throw new SimStatus('INTERNAL', 'failed to import image: unrecognized image format');
    return { name: node.images.add(choice, `docker.io/library/imported:${size}`).name };
  }),
  unary(ImageService.method.remove, (node, request) => {
    if (!node.images.remove(chooseInstance(request.containerd), request.imageRef)) {
      throw new SimStatus('NOT_FOUND', `image ${request.imageRef} not found`);
    }
    return {};
  }),
  unary(ImageService.method.verify, (_node, request) => ({
    verified: false,
    message: 'no matching verification rules',
    digestedImageRef: normalizeReference(request.imageRef),
  })),
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- old talosctl still calls it
  serverStream(MachineService.method.imageList, async (node, request, send) => {
    for (const image of node.images.list(oldChoice(request.namespace))) await send(describe(image));
  }),
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- old talosctl still calls it
  unary(MachineService.method.imagePull, async (node, request, call) => {
    const choice = oldChoice(request.namespace);
    if (node.images.find(choice, request.reference) === undefined) {
      assertPullable(request.reference);
      await pause(node.settings.timing.step, call.signal);
      node.images.add(choice, request.reference);
    }
    return { messages: [{}] };
  }),
];

/** The simulated registry has every image but those that say they are not there. Throws NOT_FOUND for them. */
export function assertPullable(reference: string): void {
  const name = normalizeReference(reference);
  if (!/does-not-exist|missing/.test(name)) return;
  throw new SimStatus('NOT_FOUND', `error pulling image: failed to pull image "${name}": ${name}: not found`);
}

/** The methods from before 1.13 always ask the CRI instance. */
function oldChoice(namespace: ContainerdNamespace): InstanceChoice {
  return chooseInstance({ driver: ContainerDriver.CRI, namespace });
}

function describe({ name, digest, size, createdAt }: SimImage) {
  return { name, digest, size: BigInt(size), createdAt: timestampFromMs(createdAt) };
}
