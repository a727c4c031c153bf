import { MachineService } from '../../../../src/gen/machine/machine_pb.js';
import { sample } from '../sample.ts';

const { method } = MachineService;
const on = 'controlplane' as const;

export const etcdSamples = [
  sample(method.etcdMemberList, { queryLocal: true }, { on }),
  sample(method.etcdForfeitLeadership, {}, { on }),
  sample(method.etcdRecover, [{ bytes: Buffer.alloc(4096, 'a') }, { bytes: Buffer.alloc(4096, 'b') }], { on }),
  sample(method.etcdSnapshot, {}, { on }),
  sample(method.etcdAlarmList, {}, { on }),
  sample(method.etcdAlarmDisarm, {}, { on }),
  sample(method.etcdDefragment, {}, { on }),
  sample(method.etcdStatus, {}, { on }),
  sample(method.etcdDowngradeValidate, { version: '3.5' }, { on }),
  sample(method.etcdDowngradeEnable, { version: '3.5' }, { on }),
  sample(method.etcdDowngradeCancel, {}, { on, prepare: [sample(method.etcdDowngradeEnable, { version: '3.5' })] }),
  // The member of wire-cp-3, as EtcdMemberList shows it. Leaving comes after it and makes it one member less.
  sample(method.etcdRemoveMemberByID, { memberId: 12617711590899984474n }, { on }),
  sample(method.etcdLeaveCluster, {}, { on }),
];
