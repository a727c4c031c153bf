import { readdirSync, readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { packageRoot } from '../../../src/cli/context.ts';
import { createProgram } from '../../../src/cli/program.ts';
import { systemClock } from '../../../src/core/clock.ts';

const program = createProgram({
  output: { out: () => undefined, error: () => undefined },
  env: {},
  clock: systemClock,
});

/** Every command with the words that lead to it. */
function walk(command: Command, words: readonly string[] = []): { words: string; command: Command }[] {
  return command.commands.flatMap(child => {
    const path = [...words, child.name()];
    return [{ words: path.join(' '), command: child }, ...walk(child, path)];
  });
}

const all = walk(program);

describe('the command line', () => {
  test('has these subcommands', () => {
    expect(all.map(({ words }) => words)).toEqual([
      'serve',
      'demo',
      'init',
      'check-config',
      'migrate',
      'policy',
      'policy test',
      'policy lint',
      'policy explain',
      'audit',
      'audit list',
      'audit show',
      'audit tail',
      'audit stats',
      'audit lookup',
      'audit config-history',
      'audit export',
      'audit sinks',
      'audit sinks list',
      'audit sinks resume',
      'audit sinks forget',
      'audit hold',
      'audit hold list',
      'audit hold add',
      'audit hold remove',
      'audit retention',
      'audit prune',
      'audit prune request',
      'audit prune run',
      'audit verify',
      'audit prove',
      'audit check-proof',
      'audit bundle',
      'audit keygen',
      'audit fork',
      'witness',
      'approvals',
      'approvals list',
      'approvals show',
      'approvals approve',
      'approvals deny',
      'approvals withdraw',
      'approvals revoke',
      'approvals cancel',
      'notify',
      'notify test',
      'request',
      'request call',
      'request debug',
      'request reset',
      'request apply-config',
      'sessions',
      'sessions list',
      'sessions show',
      'sessions play',
      'sessions watch',
      'sessions export',
      'sessions search',
      'sessions kill',
      'sessions keygen',
      'reviews',
      'reviews list',
      'reviews show',
      'reviews close',
      'sim',
    ]);
  });

  test.each(all.map(({ words, command }) => [words, command] as const))(
    'explains %s and its options',
    (_words, command) => {
      expect(command.description()).not.toBe('');
      const help = command.helpInformation();
      expect(help).toContain(command.description().split(' ')[0]);
      expect(help).not.toMatch(/undefined|\[object/);
      for (const option of command.options) expect(`${option.flags}: ${option.description}`).toMatch(/: .{3,}/);
      const long = command.options.map(option => option.long);
      expect(new Set(long).size).toBe(long.length);
    },
  );

  test('has every command that a file of src/cli offers in its table', () => {
    const folder = `${packageRoot}src/cli`;
    const offered = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('.ts'))
      .flatMap(name => [
        ...readFileSync(`${folder}/${name}`, 'utf8').matchAll(/export function (\w+)\(parent: Command/g),
      ])
      .map(match => match[1] ?? '');
    const table = readFileSync(`${folder}/program.ts`, 'utf8');
    expect(offered.length).toBeGreaterThan(5);
    for (const name of offered) expect(table).toMatch(new RegExp(`^  ${name},$`, 'm'));
  });

  test('names its version', () => {
    const { version } = JSON.parse(readFileSync(`${packageRoot}package.json`, 'utf8')) as { version: string };
    expect(program.version()).toBe(version);
  });
});
