// Images of both generations, LifecycleService and DebugService.
import { ContainerDriver, ContainerdNamespace } from '../../../../src/gen/common/common_pb.js';
import {
  DebugContainerRunRequestSpec_Profile as DebugProfile,
  DebugService,
} from '../../../../src/gen/machine/debug_pb.js';
import { ImageService } from '../../../../src/gen/machine/image_pb.js';
import { LifecycleService } from '../../../../src/gen/machine/lifecycle_pb.js';
import { MachineService } from '../../../../src/gen/machine/machine_pb.js';
import { sample } from '../sample.ts';

const { method } = ImageService;
const pods = { driver: ContainerDriver.CRI, namespace: ContainerdNamespace.NS_CRI };
const system = { driver: ContainerDriver.CONTAINERD, namespace: ContainerdNamespace.NS_SYSTEM };
const installer = 'ghcr.io/siderolabs/installer:v1.14.0';
/** What the simulated registry has under this digest does not matter: the name is all that a run looks at. */
const debugImage = `docker.io/library/alpine@sha256:${'1'.repeat(64)}`;

export const imageSamples = [
  sample(method.list, { containerd: pods }),
  sample(method.pull, { containerd: pods, imageRef: 'docker.io/library/busybox:1.37' }),
  sample(method.import, [
    { request: { case: 'containerd', value: system } },
    { request: { case: 'imageChunk', value: { bytes: Buffer.alloc(32 * 1024, 'x') } } },
    { request: { case: 'imageChunk', value: { bytes: Buffer.alloc(100, 'y') } } },
  ]),
  sample(
    method.remove,
    { containerd: system, imageRef: 'docker.io/library/hello:1' },
    { prepare: [sample(method.pull, { containerd: system, imageRef: 'docker.io/library/hello:1' })] },
  ),
  sample(method.verify, { imageRef: 'docker.io/library/busybox:1.37' }),
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- old talosctl still calls it
  sample(MachineService.method.imageList, { namespace: ContainerdNamespace.NS_CRI }),
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- old talosctl still calls it
  sample(MachineService.method.imagePull, {
    namespace: ContainerdNamespace.NS_CRI,
    reference: 'docker.io/library/busybox:1.36',
  }),
];

export const lifecycleSamples = [
  sample(
    LifecycleService.method.install,
    { containerd: system, source: { imageName: installer }, destination: { disk: '/dev/vda' } },
    { refused: { code: 'ALREADY_EXISTS', because: 'only a machine in maintenance can be installed' } },
  ),
  sample(
    LifecycleService.method.upgrade,
    { containerd: system, source: { imageName: installer } },
    { prepare: [sample(method.pull, { containerd: system, imageRef: installer })] },
  ),
];

export const debugSamples = [
  sample(
    DebugService.method.containerRun,
    [
      {
        request: {
          case: 'spec',
          value: {
            containerd: system,
            imageName: debugImage,
            profile: DebugProfile.PRIVILEGED,
            tty: false,
            args: ['echo', 'wire'],
          },
        },
      },
    ],
    // The line and the exit code; the node waits for the caller to leave.
    { take: 2, prepare: [sample(method.pull, { containerd: system, imageRef: debugImage })] },
  ),
];
