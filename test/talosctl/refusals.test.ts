// Refusals are the one thing that people see of the gateway: each must end talosctl with the reason and nothing else.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Step } from './cases/case.ts';
import { refusedToStrangers, refusedToViewer } from './cases/refusals.ts';
import { findTalosctl } from './support/binaries.ts';
import { runCase } from './support/run.ts';
import type { World } from './support/world.ts';

const found = await findTalosctl(process.env);
const cluster = 'refusals';

if (found.binaries.length === 0) test.skip(`talosctl refused: ${found.about}`);
describe.runIf(found.binaries.length > 0).each(found.binaries)('talosctl $version refused', talosctl => {
  let world: World;
  beforeAll(async () => {
    // Only now: it brings the whole gateway along, which nobody needs to load where there is no talosctl.
    const { startWorld } = await import('./support/world.ts');
    world = await startWorld([{ name: cluster, talosVersion: talosctl.version, kind: 'shared' }]);
  });
  afterAll(() => world.close());

  test.concurrent.each(refusedToViewer.map(words => ({ words })))('a viewer: $words', async ({ words }) => {
    const { exit, said } = await run(await world.personConfig(cluster, 'alice'), words);
    expect(said).toMatch(/code = PermissionDenied desc = /);
    expect(said).not.toMatch(/Usage:/);
    expect(exit).toBe(1);
  });

  test.concurrent.each(
    (['dave', 'stranger'] as const).flatMap(who => refusedToStrangers.map(words => ({ who, words }))),
  )('$who: $words', async ({ who, words }) => {
    const { exit, said } = await run(await world.personConfig(cluster, who), words);
    expect(said).toMatch(/code = Unauthenticated desc = /);
    expect(said).not.toMatch(/Usage:/);
    expect(exit).toBe(1);
  });

  async function run(config: string, words: Step['run']): Promise<{ exit: number | string; said: string }> {
    const files = { 'config.yaml': 'version: v1alpha1\nmachine:\n  type: worker\ncluster: {}\n' };
    const env = { EDITOR: 'true' };
    const one = { id: 'refused', command: '', files, steps: [{ run: words, env }] };
    const [printed] = await runCase(talosctl.path, config, one);
    return { exit: printed?.exit ?? '', said: `${printed?.stdout ?? ''}\n${printed?.stderr ?? ''}` };
  }
});
