import { createHash } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { ContainerDriver, ContainerdNamespace } from '../../gen/common/common_pb.js';
import { SimStatus } from '../sim-call.ts';

/** An image in one of the node's containerd instances. */
export interface SimImage {
  /** Reference under which it is kept. */
  readonly name: string;
  /** `sha256:...` */
  readonly digest: string;
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** The two questions by which Talos tells its containerd instances apart. */
export interface InstanceChoice {
  readonly driver: ContainerDriver;
  readonly namespace: ContainerdNamespace;
}

/** Images of a node, per containerd instance and namespace. They outlive a reboot. */
export class ImageStore {
  readonly #clock: Clock;
  readonly #images = new Map<string, Map<string, SimImage>>();

  constructor(clock: Clock, preloaded: readonly (readonly [InstanceChoice, string])[]) {
    this.#clock = clock;
    for (const [choice, name] of preloaded) this.add(choice, name);
  }

  list(choice: InstanceChoice): readonly SimImage[] {
    return [...this.#bucket(choice).values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Found by the name it is kept under, or by any reference with its digest. */
  find(choice: InstanceChoice, reference: string): SimImage | undefined {
    const normal = normalizeReference(reference);
    const digest = normal.split('@')[1];
    const images = this.list(choice);
    return images.find(({ name }) => name === reference || name === normal) ?? images.find(i => i.digest === digest);
  }

  add(choice: InstanceChoice, reference: string, digest = digestOf(reference)): SimImage {
    const name = normalizeReference(reference);
    const size = 4_000_000 + (parseInt(digest.slice(-5), 16) % 60_000_000);
    const image: SimImage = { name, digest, size, createdAt: this.#clock.now() };
    this.#bucket(choice).set(name, image);
    return image;
  }

  /** False when there is no such image. */
  remove(choice: InstanceChoice, reference: string): boolean {
    const image = this.find(choice, reference);
    return image !== undefined && this.#bucket(choice).delete(image.name);
  }

  #bucket(choice: InstanceChoice): Map<string, SimImage> {
    const key = `${choice.driver}/${choice.namespace}`;
    const bucket = this.#images.get(key) ?? new Map<string, SimImage>();
    this.#images.set(key, bucket);
    return bucket;
  }
}

/** Throws INVALID_ARGUMENT for a choice that no containerd answers to (talos internal/app/internal/ctrhelper). */
export function chooseInstance(choice: InstanceChoice | undefined): InstanceChoice {
  const { driver, namespace } = choice ?? {
    driver: ContainerDriver.CONTAINERD,
    namespace: ContainerdNamespace.NS_UNKNOWN,
  };
  if (namespace !== ContainerdNamespace.NS_CRI && namespace !== ContainerdNamespace.NS_SYSTEM) {
    throw new SimStatus('INVALID_ARGUMENT', 'invalid containerd namespace NS_UNKNOWN');
  }
  if (driver === ContainerDriver.CONTAINERD && namespace === ContainerdNamespace.NS_CRI) {
    throw new SimStatus('INVALID_ARGUMENT', 'cannot use CRI namespace with containerd driver');
  }
  return { driver, namespace };
}

/** Writes a reference in full, as containerd does: `alpine` is `docker.io/library/alpine:latest`. A digest drops the tag. */
export function normalizeReference(reference: string): string {
  const [named = '', digest] = reference.split('@');
  const [first = '', ...rest] = named.split('/');
  const hasDomain = rest.length > 0 && /[.:]|^localhost$/.test(first);
  const domain = hasDomain ? first : 'docker.io';
  const path = hasDomain ? rest.join('/') : named;
  const full = `${domain}/${domain === 'docker.io' && !path.includes('/') ? 'library/' : ''}${path}`;
  const tag = /:[^/:]+$/.exec(full)?.[0] ?? '';
  const repository = full.slice(0, full.length - tag.length);
  if (digest !== undefined) return `${repository}@${digest}`;
  return `${repository}${tag === '' ? ':latest' : tag}`;
}

/** Name by digest: what a pull answers with, so that a run cannot mean something else. */
export function pinned(image: SimImage): string {
  return `${(image.name.split('@')[0] ?? '').replace(/:[^/:]+$/, '')}@${image.digest}`;
}

/** The digest a reference names, or the one that the simulated registry has for it: always the same. */
export function digestOf(reference: string): string {
  const normal = normalizeReference(reference);
  return normal.split('@')[1] ?? `sha256:${createHash('sha256').update(normal).digest('hex')}`;
}
