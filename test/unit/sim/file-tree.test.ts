import { expect, test } from 'vitest';
import { FileTree, sizeOf } from '../../../src/sim/files/file-tree.ts';
import { usageOf } from '../../../src/sim/files/usage.ts';
import { goMode, walk } from '../../../src/sim/files/walk.ts';

const tree = (): FileTree =>
  new FileTree({
    '/etc/hosts': 'localhost\n',
    '/etc/deep/er/file': 'x',
    '/loop': { linkTo: '/loop' },
    '/link': { linkTo: 'etc/hosts' },
    '/proc/1/root': { linkTo: '/' },
    '/live': { content: () => 'now', mode: 0o400 },
  });

function read(path: string): string {
  const found = tree().lookup(path);
  if (!found.ok) return found.failure;
  return found.entry.kind === 'file' ? found.entry.read().toString() : found.entry.kind;
}

test('FileTree.lookup follows dots, links and links in the middle', () => {
  expect(read('/etc/../etc/./hosts')).toBe('localhost\n');
  expect(read('/link')).toBe('localhost\n');
  expect(read('/proc/1/root/etc/hosts')).toBe('localhost\n');
  expect(read('/../../etc/hosts')).toBe('localhost\n');
});

test('FileTree.lookup says what is wrong as the kernel does', () => {
  expect(read('/nope')).toBe('no such file or directory');
  expect(read('/etc/hosts/x')).toBe('not a directory');
  expect(read('/loop')).toBe('too many levels of symbolic links');
});

test('FileTree.lookup makes contents at the moment of reading', () => {
  let now = 'a';
  const files = new FileTree({ '/x': { content: () => now } });
  const found = files.lookup('/x');
  now = 'b';
  expect(found.ok && found.entry.kind === 'file' && found.entry.read().toString()).toBe('b');
});

test('walk goes parents first in the order of names', () => {
  expect([...walk(tree(), '/etc', -1)].map(item => item.relative)).toEqual([
    '.',
    'deep',
    'deep/er',
    'deep/er/file',
    'hosts',
  ]);
});

test('walk stops at the depth it was given', () => {
  expect([...walk(tree(), '/etc', 0)].map(item => item.relative)).toEqual(['.', 'deep', 'hosts']);
  expect([...walk(tree(), '/etc', 2)].map(item => item.relative)).toEqual(['.', 'deep', 'deep/er', 'hosts']);
});

test('walk follows a root that is a link and names a single file by its base', () => {
  expect([...walk(tree(), '/link', -1)].map(item => [item.path, item.relative])).toEqual([['/etc/hosts', 'hosts']]);
});

test('walk throws what Go says about a missing root', () => {
  expect(() => [...walk(tree(), '/nope', -1)]).toThrow('lstat /nope: no such file or directory');
});

test('goMode sets the bits of os.FileMode', () => {
  const mode = (path: string, follow = true): number => {
    const found = tree().lookup(path, follow);
    return found.ok ? goMode(found.entry) : 0;
  };
  expect(mode('/etc')).toBe(0x800001ed);
  expect(mode('/link', false)).toBe(0x080001ff);
  expect(mode('/live')).toBe(0o400);
});

test('usageOf sums up directories and hides files unless all is set', () => {
  const request = { recursionDepth: 0, all: false, threshold: 0n };
  const shown = usageOf(tree(), '/etc', request);
  expect(shown.map(({ item }) => item.relative)).toEqual(['deep/er', 'deep', '.']);
  const total = [...walk(tree(), '/etc', -1)].reduce((sum, { entry }) => sum + sizeOf(entry), 0);
  expect(shown.at(-1)?.size).toBe(total);
  expect(usageOf(tree(), '/etc', { ...request, all: true })).toHaveLength(5);
  expect(usageOf(tree(), '/etc', { ...request, all: true, threshold: -10n }).map(({ item }) => item.relative)).toEqual([
    'hosts',
    'deep/er/file',
  ]);
});
