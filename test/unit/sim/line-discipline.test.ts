import { expect, test } from 'vitest';
import { LineDiscipline, type Typed } from '../../../src/sim/debug/line-discipline.ts';

function type(...keys: string[]): Typed[] {
  const discipline = new LineDiscipline();
  return keys.flatMap(key => discipline.feed(Buffer.from(key)));
}
const lines = (typed: readonly Typed[]) => typed.flatMap(event => (event.kind === 'line' ? [event.text] : []));
const echo = (typed: readonly Typed[]) => typed.map(event => (event.kind === 'echo' ? event.text : '')).join('');

test('LineDiscipline echoes what is typed and ends a line with return', () => {
  const typed = type('ls', '\r');
  expect(lines(typed)).toEqual(['ls']);
  expect(echo(typed)).toBe('ls\r\n');
});

test('LineDiscipline erases with backspace, and not beyond the beginning', () => {
  const typed = type('\x7f', 'lx\x7fs\r');
  expect(lines(typed)).toEqual(['ls']);
  expect(echo(typed)).toBe('lx\b \bs\r\n');
});

test('LineDiscipline erases the whole line with Ctrl-U', () => {
  expect(lines(type('rm -rf /\x15ls\r'))).toEqual(['ls']);
});

test('LineDiscipline turns Ctrl-C into an interrupt and forgets the line', () => {
  const typed = type('sleep 9\x03', 'ls\r');
  expect(typed.some(event => event.kind === 'interrupt')).toBe(true);
  expect(echo(typed)).toContain('^C\r\n');
  expect(lines(typed)).toEqual(['ls']);
});

test('LineDiscipline ends at Ctrl-D on an empty line only', () => {
  expect(type('\x04').map(event => event.kind)).toEqual(['end']);
  expect(type('l\x04').map(event => event.kind)).toEqual(['echo']);
});

test('LineDiscipline swallows cursor keys, also when they arrive byte by byte', () => {
  expect(lines(type('\x1b[A', '\x1b', '[', '3', '~', '\x1bOP', 'ls\r'))).toEqual(['ls']);
});

test('LineDiscipline keeps characters of several bytes whole', () => {
  expect(lines(type('écho ☃\r'))).toEqual(['écho ☃']);
});
