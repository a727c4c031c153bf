import { GateError } from '../core/gate-error.ts';
import type { FieldReader, Read } from './field-reader.ts';
import { encodeSegment } from './segment.ts';

/**
 * `logs/system/<service>` or `logs/<containerd namespace>/<container>`, for Kubernetes
 * `logs/k8s.io/<namespace>/<pod>[/<container>]`. The node takes namespace "system", and the id "kubelet" in any
 * namespace, for the log of a service, whatever the driver (talos v1alpha1_server.go, Logs).
 */
export function logsResource(fields: FieldReader): Read<string> {
  const namespace = fields.string('namespace');
  const id = fields.string('id');
  return message => {
    const name = id(message);
    const inside = namespace(message);
    if (inside === 'system' || name === 'kubelet') return `logs/system/${encodeSegment(name)}`;
    return `logs/${container(inside, name)}`;
  };
}

/** `container/system/<id>` or `container/k8s.io/<namespace>/<pod>[/<container>]`. */
export function containerResource(fields: FieldReader): Read<string> {
  const namespace = fields.string('namespace');
  const id = fields.string('id');
  return message => `container/${container(namespace(message), id(message))}`;
}

function container(namespace: string, id: string): string {
  if (namespace !== 'k8s.io') return `${encodeSegment(namespace)}/${encodeSegment(id)}`;
  const parts = kubernetesId.exec(id);
  if (parts === null) {
    // The containerd driver would also find a container by its bare id. Policy could not tell whose it is, and a rule
    // that denies a namespace would not see it.
    throw new GateError(
      'denied',
      'name a Kubernetes container as namespace/pod:container, as the containers list does',
    );
  }
  const [, space = '', pod = '', name = ''] = parts;
  const above = `k8s.io/${encodeSegment(space)}/${encodeSegment(pod)}`;
  return name === '' ? above : `${above}/${encodeSegment(name)}`;
}

/**
 * `namespace/pod`, `namespace/pod:container` or `namespace/pod:container:start-of-hash`; the hash only tells restarts
 * of one container apart (talos internal/pkg/containers/cri/cri.go, parseContainerDisplay).
 */
const kubernetesId = /^([^/:]+)\/([^/:]+)(?::([^/:]*)(?::[0-9a-f]*)?)?$/;
