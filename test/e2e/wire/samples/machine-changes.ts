// MachineService without etcd and images: what changes a node. The nodes are told to take an hour for going away.
import { ContainerDriver } from '../../../../src/gen/common/common_pb.js';
import {
  ApplyConfigurationRequest_Mode,
  MachineService,
  ResetRequest_WipeMode,
} from '../../../../src/gen/machine/machine_pb.js';
import { sample } from '../sample.ts';

const { method } = MachineService;
const extension = 'ext-qemu-guest-agent';

const config = `machine:
  type: worker
  token: abcdef.0123456789abcdef
  ca: { crt: LS0tLS0K, key: "" }
cluster:
  id: id
  secret: secret
  token: abcdef.0123456789abcdef
  controlPlane: { endpoint: "https://wire.example:6443" }
  ca: { crt: LS0tLS0K, key: "" }
`;

export const machineChangeSamples = [
  sample(method.applyConfiguration, {
    data: Buffer.from(config),
    mode: ApplyConfigurationRequest_Mode.AUTO,
    dryRun: true,
  }),
  sample(
    method.bootstrap,
    {},
    { on: 'controlplane', refused: { code: 'ALREADY_EXISTS', because: 'the simulated cluster has its etcd already' } },
  ),
  sample(method.metaWrite, { key: 10, value: Buffer.from('wire') }),
  sample(method.metaDelete, { key: 11 }, { prepare: [sample(method.metaWrite, { key: 11, value: Buffer.of(1) })] }),
  sample(method.restart, { namespace: 'system', id: 'apid', driver: ContainerDriver.CONTAINERD }),
  sample(
    method.rollback,
    {},
    { refused: { code: 'UNKNOWN', because: 'a node that was never upgraded has nothing to go back to' } },
  ),
  sample(method.serviceRestart, { id: 'kubelet' }),
  sample(method.serviceStart, { id: extension }),
  sample(method.serviceStop, { id: extension }),
  sample(method.reboot),
  sample(method.reset, {
    graceful: true,
    reboot: true,
    mode: ResetRequest_WipeMode.SYSTEM_DISK,
    systemPartitionsToWipe: [{ label: 'STATE', wipe: true }],
  }),
  sample(method.shutdown, { force: true }),
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- old talosctl still calls it
  sample(method.upgrade, { image: 'ghcr.io/siderolabs/installer:v1.14.0', preserve: true }),
];
