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
  const driver = fields.text('driver');
  return message => {
    const name = id(message);
    const inside = namespace(message);
    if (inside === 'system' || name === 'kubelet') return `logs/system/${encodeSegment(name)}`;
    return `logs/${container(inside, name, driver(message))}`;
  };
}

/** `container/system/<id>` or `container/k8s.io/<namespace>/<pod>[/<container>]`; `container/k8s.io/<id>` finds nothing. */
export function containerResource(fields: FieldReader): Read<string> {
  const namespace = fields.string('namespace');
  const id = fields.string('id');
  const driver = fields.text('driver');
  return message => `container/${container(namespace(message), id(message), driver(message))}`;
}

function container(namespace: string, id: string, driver: string): string {
  // The CRI driver finds nothing by an id without a slash, so that this one says whose it is: nobody's (talos cri.go,
  // Container). What the node answers is then the node's business.
  const nobodys = driver === 'cri' && !id.includes('/');
  if (namespace !== 'k8s.io' || nobodys) return `${encodeSegment(namespace)}/${encodeSegment(id)}`;
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
