// Invariant: nothing reads the clock, the environment or randomness except core/clock.ts, config/, cli/ and app.ts.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { packageRoot } from '../../../src/cli/context.ts';

const allowed = /^(core\/clock\.ts|config\/.*|cli\/.*|app\.ts|gen\/.*)$/;
const forbidden = [
  /\bDate\.now\b/,
  /\bnew Date\(\)/,
  /\bDate\(\)/,
  /\bperformance\.(now|timeOrigin)\b/,
  /\bprocess\.(env|hrtime|argv|cwd|uptime)\b/,
  /\bMath\.random\b/,
  /\b(randomBytes|randomUUID|randomInt|randomFill|randomFillSync|getRandomValues)\b/,
  /from 'node:os'/,
  /from 'node:process'/,
];

const files = readdirSync(`${packageRoot}src`, { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith('.ts'))
  .map(name => name.replaceAll('\\', '/'));

test('no file reads the clock, the environment or randomness behind the back of its caller', () => {
  expect(files.length).toBeGreaterThan(200);
  const found = files
    .filter(name => !allowed.test(name))
    .flatMap(name => {
      const lines = readFileSync(`${packageRoot}src/${name}`, 'utf8').split('\n');
      return lines.flatMap((line, at) => {
        const code = line.replace(/^\s*(\/\/|\*|\/\*).*$/, '');
        return forbidden.some(pattern => pattern.test(code)) ? [`src/${name}:${at + 1}: ${line.trim()}`] : [];
      });
    });
  expect(found).toEqual([]);
});

test('the test sees what it looks for', () => {
  const clock = readFileSync(`${packageRoot}src/core/clock.ts`, 'utf8');
  expect(forbidden.filter(pattern => pattern.test(clock)).length).toBeGreaterThanOrEqual(3);
});
