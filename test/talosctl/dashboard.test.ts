// The dashboard holds some twenty watches and nine polled calls for each node; what it draws must be what a node shows.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { cp, worker } from './cases/case.ts';
import { findTalosctl } from './support/binaries.ts';
import { Screen } from './support/screen.ts';
import type { World } from './support/world.ts';

const found = await findTalosctl(process.env);
const why = found.binaries.length === 0 ? found.about : Screen.missing();
const cluster = 'dashboard';
/** Keys and the pages that they lead to. 1.14 has one more, which shows resources of every kind. */
const pagesOf = (line: string): readonly (readonly [key: string, page: string])[] => [
  ['F2', 'Monitor'],
  ...(line === '1.13' ? [] : [['F3', 'Resources'] as const]),
  ['F1', 'Summary'],
];

if (why !== undefined) test.skip(`talosctl dashboard: ${why}`);
describe.runIf(why === undefined).each(found.binaries)('talosctl $version dashboard', talosctl => {
  let world: World;
  const open: Screen[] = [];
  beforeAll(async () => {
    // Only now: it brings the whole gateway along, which nobody needs to load where there is no talosctl.
    const { startWorld } = await import('./support/world.ts');
    world = await startWorld([{ name: cluster, talosVersion: talosctl.version, kind: 'own' }]);
    await world.warmUp(cluster, talosctl.path);
  });
  afterEach(() => {
    for (const screen of open.splice(0)) screen.close();
  });
  afterAll(() => world.close());

  test('draws the same for one node and for several, on all its pages', async () => {
    for (const nodes of [worker, `${cp},${worker}`]) {
      const direct = start(await world.directConfig(cluster), nodes);
      const gateway = start(await world.gatewayConfig(cluster, 'certificate'), nodes);
      for (const [key, page] of pagesOf(talosctl.line)) {
        for (const screen of [direct, gateway]) screen.press(key);
        await until(
          () => isDrawn(direct.text, page) && still(direct.text) === still(gateway.text),
          () => `the same on both\n--- direct\n${direct.text}\n--- gateway\n${gateway.text}`,
          60_000,
        );
      }
      for (const screen of open.splice(0)) screen.close();
    }
  });

  test('shows a viewer what viewers may see, and goes on', async () => {
    const screen = start(await world.personConfig(cluster, 'alice'), worker);
    await until(
      () => isDrawn(screen.text, 'Summary'),
      () => screen.text,
      60_000,
    );
    expect(screen.text).not.toMatch(/PermissionDenied/);
  });

  function start(config: string, nodes: string): Screen {
    const words = [talosctl.path, '--talosconfig', config, 'dashboard', '-d', '1s', '-n', nodes];
    const screen = new Screen(words, {
      PATH: process.env['PATH'],
      HOME: world.stack.directory,
      TERM: 'xterm-256color',
    });
    open.push(screen);
    return screen;
  }
});

/** Filled in: the footer names the page, and the node has told its uptime. */
function isDrawn(screen: string, page: string): boolean {
  return screen.includes(`[${page}]`) && /uptime \d/.test(screen);
}

/**
 * Without what moves by itself: the wheel in the first corner, uptime, which talosctl counts with its own clock, bars of charts, and the log at the
 * bottom of the first page, which goes on while it is followed.
 */
function still(screen: string): string {
  return screen
    .replace(/^[└┘┐┌] /, '')
    .replace(/uptime \S+,/, '')
    .replaceAll(/[▁-█⠀-⣿]+/gu, '')
    .replace(/^── Logs[^]*?(?=\n\[)/m, '');
}
