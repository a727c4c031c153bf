import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compilePath, compileSegment, coversPath, matchPath, matchSegment } from '../../../src/policy/glob.ts';

/** The same language by way of a regular expression, to compare with. */
function reference(pattern: string): RegExp {
  const segments = pattern.split('/').map(part => {
    if (part === '**') return '[^/]*(?:/[^/]*)*';
    return part
      .split('*')
      .map(piece => piece.replaceAll(/[.+]/g, '\\$&'))
      .join('[^/]*');
  });
  return new RegExp(`^${segments.join('/')}$`);
}

const letters = (...extra: string[]) => fc.string({ unit: fc.constantFrom('a', 'b', '.', ...extra), maxLength: 5 });
const segment = fc.oneof(
  { weight: 3, arbitrary: letters('*').map(text => text.replaceAll(/\*+/g, '*')) },
  { weight: 1, arbitrary: fc.constant('**') },
);
const pattern = fc.array(segment, { minLength: 1, maxLength: 5 }).map(parts => parts.join('/'));
const text = fc.array(letters(), { minLength: 1, maxLength: 6 }).map(parts => parts.join('/'));

describe('matchPath', () => {
  test('agrees with a regular expression of the same meaning', () => {
    fc.assert(
      fc.property(pattern, text, (glob, asked) => {
        expect(matchPath(compilePath(glob), asked.split('/'))).toBe(reference(glob).test(asked));
      }),
      { numRuns: 5000 },
    );
  });

  test.each([
    ['logs/*', 'logs/system', true],
    ['logs/*', 'logs/system/kubelet', false],
    ['logs/**', 'logs/system/kubelet', true],
    ['logs/**', 'logs', false],
    ['logs/system', 'xlogs/system', false],
    ['logs/system', 'logs/systemx', false],
    ['image/docker.io/library/alpine@*', 'image/docker.io/library/alpine@sha256:00', true],
    ['image/docker.io/library/alpine@*', 'image/docker.io/library/alpine-evil@sha256:00', false],
    ['image/docker.io/library/alpine@*', 'image/docker.io/library/alpine', false],
    ['image/ghcr.io/siderolabs/**', 'image/ghcr.io/siderolabs-evil/x:1', false],
    ['a.c', 'abc', false],
  ])('%s against %s is %s', (glob, asked, expected) => {
    expect(matchPath(compilePath(glob), asked.split('/'))).toBe(expected);
  });

  test('a request for all of a kind is met by * and ** only', () => {
    const all = 'resource/pods/ns/*'.split('/');
    const met = ['resource/pods/ns/*', 'resource/pods/ns/**', 'resource/**', '**'];
    const unmet = ['resource/pods/ns/web', 'resource/pods/ns/w*', 'resource/pods/ns/*b'];
    expect(met.filter(glob => matchPath(compilePath(glob), all))).toEqual(met);
    expect(unmet.filter(glob => matchPath(compilePath(glob), all))).toEqual([]);
  });

  test('stays linear on a pattern made to backtrack', () => {
    const glob = compilePath('**/a*a*a*a*b/**/a*a*b/**/c');
    const asked = Array.from({ length: 2000 }, () => 'a'.repeat(50));
    const started = performance.now();
    expect(matchPath(glob, asked)).toBe(false);
    // An exponential matcher would not come back at all; this is about 4,000 short comparisons.
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe('matchSegment', () => {
  test('needs room for its start and its end', () => {
    expect(matchSegment(compileSegment('ab*ba'), 'aba')).toBe(false);
    expect(matchSegment(compileSegment('ab*ba'), 'abba')).toBe(true);
  });
});

describe('coversPath', () => {
  test('never claims more than is true', () => {
    fc.assert(
      fc.property(pattern, pattern, text, (wide, narrow, asked) => {
        fc.pre(coversPath(compilePath(wide), compilePath(narrow)) && reference(narrow).test(asked));
        expect(reference(wide).test(asked)).toBe(true);
      }),
      { numRuns: 300, maxSkipsPerRun: 5000 },
    );
  });

  test('sees the usual cases', () => {
    const covers = (wide: string, narrow: string) => coversPath(compilePath(wide), compilePath(narrow));
    expect(covers('logs/**', 'logs/system/*')).toBe(true);
    expect(covers('logs/*', 'logs/**')).toBe(false);
    expect(covers('**', '**')).toBe(true);
    expect(covers('logs/a*', 'logs/ab*')).toBe(true);
    expect(covers('logs/ab*', 'logs/a*')).toBe(false);
  });
});
