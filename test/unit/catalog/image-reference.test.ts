import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatReference, isPinned, normalizeReference, parseReference } from '../../../src/catalog/image-reference.ts';
import {
  DebugContainerRunRequestSchema,
  DebugContainerRunRequestSpec_Profile,
} from '../../../src/gen/machine/debug_pb.js';
import { inspect, refusal } from './support.ts';

const hash = '0123456789abcdef'.repeat(4);
const digest = `sha256:${hash}`;

describe('normalizeReference', () => {
  it.each([
    ['alpine', 'docker.io/library/alpine:latest'],
    ['alpine:3.22', 'docker.io/library/alpine:3.22'],
    ['siderolabs/installer', 'docker.io/siderolabs/installer:latest'],
    ['docker.io/alpine', 'docker.io/library/alpine:latest'],
    ['index.docker.io/alpine', 'docker.io/library/alpine:latest'],
    ['localhost/x', 'localhost/x:latest'],
    ['registry:5000/x', 'registry:5000/x:latest'],
    ['registry:5000', 'docker.io/library/registry:5000'],
    ['ghcr.io/siderolabs/installer:v1.14.0', 'ghcr.io/siderolabs/installer:v1.14.0'],
    ['ghcr.io/a/b/c__d/e-f.g@'.concat(digest), `ghcr.io/a/b/c__d/e-f.g@${digest}`],
    [`ghcr.io/a:v1@${digest}`, `ghcr.io/a@${digest}`],
    ['[fd00::1]:5000/x:y', '[fd00::1]:5000/x:y'],
    ['Host/x', 'Host/x:latest'],
  ])('writes %s out as the node does', (text, full) => {
    const reference = parseReference(text);
    expect(reference && formatReference(normalizeReference(reference))).toBe(full);
  });
});

describe('parseReference', { timeout: 60_000 }, () => {
  it.each([
    '',
    ' alpine',
    'alpine\n',
    'Alpine',
    'ghcr.io/Siderolabs/x',
    'a//b',
    '/a',
    'a/',
    'a:',
    'a:b:c',
    'a:.b',
    `a:${'x'.repeat(129)}`,
    'a@',
    'a@sha256:abc',
    `a@sha256:${hash.toUpperCase()}`,
    `a@md5:${hash.slice(32)}`,
    `a@${digest}:x`,
    `a@${digest}@${digest}`,
    hash,
    'bob:hunter2@ghcr.io/a/b',
    'bob@ghcr.io/a/b',
    'https://ghcr.io/a/b',
    'ghcr.io./a',
    'ghcr..io/a',
    '-ghcr.io/a',
    'ghcr.io:port/a',
    'ghcr.io/a/../b',
    'ghcr.io/a_/b',
    'ghcr.io/\u{430}',
    `ghcr.io/${'a'.repeat(1100)}`,
  ])('refuses "%s"', text => {
    expect(parseReference(text)).toBeUndefined();
  });

  it('gives back every reference it takes', () => {
    const part = fc.stringMatching(/^[a-z0-9]{1,5}([._-][a-z0-9]{1,3})?$/);
    const references = fc
      .record({
        domain: fc.constantFrom('', 'ghcr.io/', 'localhost/', 'r:5000/'),
        path: fc.array(part, { minLength: 1, maxLength: 4 }).map(parts => parts.join('/')),
        tag: fc.constantFrom('', ':v1.0', ':latest'),
        digest: fc.constantFrom('', `@${digest}`),
      })
      .map(one => `${one.domain}${one.path}${one.tag}${one.digest}`);
    fc.assert(
      fc.property(references, text => {
        const reference = parseReference(text);
        expect(reference && formatReference(reference)).toBe(text);
      }),
    );
  });
});

describe('isPinned', () => {
  it('is true for a sha256 digest only', () => {
    expect(isPinned(`ghcr.io/a/b@${digest}`)).toBe(true);
    expect(isPinned(`ghcr.io/a/b:v1@${digest}`)).toBe(true);
    expect(isPinned('ghcr.io/a/b:v1')).toBe(false);
    expect(isPinned(`ghcr.io/a/b@sha512:${hash}${hash}`)).toBe(false);
    expect(isPinned(`ghcr.io/a/b:${hash}`)).toBe(false);
    expect(isPinned(`ghcr.io/a/b@${digest}0`)).toBe(false);
    expect(isPinned(`@${digest}`)).toBe(false);
  });
});

describe('unpinnedImage', () => {
  const run = (imageName: string): string | undefined =>
    inspect('/machine.DebugService/ContainerRun', DebugContainerRunRequestSchema, {
      request: { case: 'spec', value: { imageName, profile: DebugContainerRunRequestSpec_Profile.PRIVILEGED } },
    }).unpinnedImage;

  it('is the reference of a debug container without digest', () => {
    expect(run(`ghcr.io/a/b@${digest}`)).toBeUndefined();
    expect(run('ghcr.io/a/b:latest')).toBe('ghcr.io/a/b:latest');
    expect(run('bob:hunter2@ghcr.io/a')).toBe('bob:***@ghcr.io/a');
  });

  it('is never empty: a debug container without image is refused', () => {
    expect(refusal(() => run('')).code).toBe('malformed-message');
  });
});
