/** Parts of an image reference. `domain` is '' when the text names no registry. */
export interface ImageReference {
  readonly domain: string;
  readonly path: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

/**
 * Takes a reference apart by the grammar of github.com/distribution/reference (reference.go, regexp.go), which
 * containerd and the node use: `[registry[:port]/]path[:tag][@digest]`. Undefined when it does not follow it; user
 * names and passwords never do. Digests are those of go-digest: sha256, sha384, sha512 in lower-case hex.
 */
export function parseReference(text: string): ImageReference | undefined {
  if (text.length > maxLength || bareDigest.test(text)) return undefined;
  const at = text.indexOf('@');
  const named = at < 0 ? text : text.slice(0, at);
  const digest = at < 0 ? undefined : text.slice(at + 1);
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1);
  const name = colon < 0 ? named : named.slice(0, colon);
  const tag = colon < 0 ? undefined : named.slice(colon + 1);
  if (digest !== undefined && !digestText.test(digest)) return undefined;
  if (tag !== undefined && !tagText.test(tag)) return undefined;
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const domain = isDomain(first) ? first : '';
  const path = domain === '' ? name : name.slice(slash + 1);
  if (domain !== '' && !domainText.test(domain)) return undefined;
  if (!path.split('/').every(part => pathText.test(part))) return undefined;
  return { domain, path, tag, digest };
}

/** Writes a short name out in full as ParseDockerRef does: Docker Hub, `library/`, `latest`; a digest replaces the tag. */
export function normalizeReference({ domain, path, tag, digest }: ImageReference): ImageReference {
  const registry = domain === '' || domain === 'index.docker.io' ? 'docker.io' : domain;
  return {
    domain: registry,
    path: registry === 'docker.io' && !path.includes('/') ? `library/${path}` : path,
    tag: digest === undefined ? (tag ?? 'latest') : undefined,
    digest,
  };
}

export function formatReference({ domain, path, tag, digest }: ImageReference): string {
  return `${domain === '' ? '' : `${domain}/`}${path}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/** True when the text is a reference by sha256 digest, which is what an approval of an image can stand on. */
export function isPinned(text: string): boolean {
  return parseReference(text)?.digest?.startsWith('sha256:') === true;
}

/** The first part is a registry when it could not be a path component (splitDockerDomain). */
const isDomain = (first: string): boolean =>
  first === 'localhost' || /[.:]/.test(first) || first !== first.toLowerCase();

const maxLength = 1024;
const bareDigest = /^[0-9a-f]{64}$/;
const digestText = /^(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$/;
const tagText = /^\w[\w.-]{0,127}$/;
const pathText = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const domainText =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/;
