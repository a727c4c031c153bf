import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseLine } from '../../../src/sim/debug/words.ts';

const variables = (name: string): string => ({ HOME: '/root', '?': '7' })[name] ?? '';
const commands = (line: string) => {
  const parsed = parseLine(line, variables);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
};
const words = (line: string) => commands(line).map(command => command.words);

test('parseLine cuts at spaces and joins quoted parts', () => {
  expect(words(`echo "a  b" c'd e'f`)).toEqual([['echo', 'a  b', 'cd ef']]);
});

test('parseLine expands variables except in single quotes', () => {
  expect(words(`echo $HOME "\${HOME}x" '$HOME' $?`)).toEqual([['echo', '/root', '/rootx', '$HOME', '7']]);
});

test('parseLine keeps what joins two commands', () => {
  expect(commands('a && b || c; d').map(command => command.when)).toEqual(['always', 'success', 'failure', 'always']);
});

test('parseLine treats a quoted semicolon as text', () => {
  expect(words(`echo ";" 'a&&b'`)).toEqual([['echo', ';', 'a&&b']]);
});

test('parseLine drops comments and empty lines', () => {
  expect(words('echo a # b')).toEqual([['echo', 'a']]);
  expect(words('  ')).toEqual([]);
});

test.each(['echo "a', "echo 'a"])('parseLine says that a quote stays open in %s', line => {
  expect(parseLine(line, variables)).toBe('syntax error: unterminated quoted string');
});

test.each(['a | b', 'a > b', 'a 2>&1', 'a &'])('parseLine refuses %s, which the shell cannot do', line => {
  expect(parseLine(line, variables)).toContain('not part of the simulated shell');
});

test('parseLine takes quoted pipes and arrows for text', () => {
  expect(words(`echo '|' ">"`)).toEqual([['echo', '|', '>']]);
});

test('parseLine gives back any single-quoted text unchanged', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }).filter(text => !/['\n\r]/.test(text)),
      text => {
        expect(words(`echo '${text}'`)).toEqual([['echo', text]]);
      },
    ),
  );
});
