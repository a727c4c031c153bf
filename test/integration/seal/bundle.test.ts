import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createProgram } from '../../../src/cli/program.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { createSigner } from '../../../src/tlog/note.ts';
import { tilePath } from '../../../src/tlog/tiles.ts';
import { judgeProof } from '../../support/independent-verifier.ts';
import { eventually, sql } from '../audit/support.ts';
import { createSealedWorld, origin, type SealedWorld, sealed, writeCalls } from './support.ts';

let world: SealedWorld;
let witnessKey: string;
let bundle: string;
beforeAll(async () => {
  world = await createSealedWorld();
  const { url, signer } = await world.witness();
  witnessKey = signer.verifier.vkey;
  const sealing = await world.seal({ witnesses: [{ url, key: witnessKey }], everyMs: 20, witnessEveryMs: 100 });
  const log = await world.write(sealing);
  for (let round = 0; round < 3; round++) {
    await writeCalls(log, 50);
    await sealed(world, sealing);
  }
  await log.close();
  const size = await sealed(world, sealing);
  await eventually(() => (sealing.health().witnesses[0]?.size ?? 0) >= size);
  await sealing.close();
  bundle = join(world.folder, 'bundle');
  expect(await run('audit', 'bundle', bundle, '--database-url-env', 'DB')).toMatchObject({ code: 0 });
}, 60_000);
afterAll(() => world.close());

/** The command line, in this process. */
async function run(...words: string[]): Promise<{ code: number; out: string }> {
  const lines: string[] = [];
  const output = { out: (line: string) => void lines.push(line), error: (line: string) => void lines.push(line) };
  const before = process.exitCode;
  process.exitCode = 0;
  try {
    const env = { DB: world.database.readerUrl };
    await createProgram({ output, env, clock: systemClock }).parseAsync(['node', 'talosgate', ...words]);
    return { code: process.exitCode, out: lines.join('\n') };
  } finally {
    process.exitCode = before;
  }
}
const trust = (): string[] => ['--key', world.log.verifier.vkey, '--witness', witnessKey];

describe('a bundle', () => {
  test('verifies by itself, as Postgres does', async () => {
    for (const from of [
      ['--database-url-env', 'DB'],
      ['--bundle', bundle],
    ]) {
      const { code, out } = await run('audit', 'verify', ...from, ...trust());
      expect([code, out]).toEqual([0, expect.stringMatching(/^302 records[\s\S]*good$/)]);
    }
    expect((await run('audit', 'verify', '--bundle', bundle)).code).toBe(5);
  });

  test('verifies as a tar archive too', async () => {
    const archive = join(world.folder, 'bundle.tar');
    await promisify(execFile)('tar', ['--format=ustar', '-cf', archive, '-C', bundle, '.']);
    expect(await run('audit', 'verify', '--bundle', archive, ...trust())).toMatchObject({ code: 0 });
    await expect(run('audit', 'verify', '--bundle', join(bundle, 'checkpoint'), ...trust())).rejects.toThrow(
      /tar archive/,
    );
  });

  test.each([
    ['a column', 'entries/000000000000000.jsonl', '"principal":"alice@', '"principal":"eve@', 2, /column principal/],
    ['a tile', 'tile/0/000', undefined, undefined, 2, /record 0/],
    ['a note', 'checkpoint', '\n302\n', '\n303\n', 2, /not signed/],
    ['a checkpoint of the list', 'checkpoints.jsonl', '"previous":"0"', '"previous":"1"', 2, /missing or changed/],
  ])('with %s changed is refused, and the place named', async (_, file, from, to, code, text) => {
    const path = join(bundle, file);
    const good = await readFile(path);
    const bad = from === undefined ? Buffer.from(good) : Buffer.from(good.toString('utf8').replace(from, to));
    if (from === undefined) bad[0] = (bad[0] ?? 0) ^ 1;
    await writeFile(path, bad);
    const found = await run('audit', 'verify', '--bundle', bundle, ...trust());
    await writeFile(path, good);
    expect([found.code, found.out]).toEqual([code, expect.stringMatching(text)]);
  });

  test('with a record taken out is refused with its index', async () => {
    const path = join(bundle, 'entries/000000000000000.jsonl');
    const good = await readFile(path, 'utf8');
    await writeFile(
      path,
      good
        .split('\n')
        .filter(line => !line.startsWith('{"idx":"77"'))
        .join('\n'),
    );
    const found = await run('audit', 'verify', '--bundle', bundle, ...trust());
    await writeFile(path, good);
    expect([found.code, found.out]).toEqual([3, expect.stringMatching(/GAP +index 77 +records 77 to 77 are missing/)]);
  });
});

test('static tiles with entry bundles verify, and show a changed record', async () => {
  const folder = join(world.folder, 'tiles');
  const rows = await sql<{ body: Buffer }>(
    world.database.adminUrl,
    'SELECT body FROM talosgate.audit_entry ORDER BY idx',
  );
  const put = async (path: string, content: Buffer): Promise<void> => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  };
  for (let n = 0; n * 256 < rows.length; n++) {
    const part = rows.slice(n * 256, n * 256 + 256);
    const entries = part.flatMap(({ body }) => [Buffer.of(body.length >> 8, body.length & 255), body]);
    await put(tilePath('entries', n, part.length), Buffer.concat(entries));
  }
  for (const path of await readdir(join(bundle, 'tile'), { recursive: true, withFileTypes: true })) {
    if (!path.isFile()) continue;
    const from = join(path.parentPath, path.name);
    await put(from.slice(bundle.length + 1), await readFile(from));
  }
  await put('checkpoint', await readFile(join(bundle, 'checkpoint')));
  expect(await run('audit', 'verify', '--tiles', folder, ...trust())).toMatchObject({ code: 0 });
  const path = join(folder, tilePath('entries', 0));
  const changed = await readFile(path);
  changed[100] = (changed[100] ?? 0) ^ 1;
  await writeFile(path, changed);
  const { code, out } = await run('audit', 'verify', '--tiles', folder, ...trust());
  expect([code, out]).toEqual([2, expect.stringMatching(/index 0 /)]);
  await rm(folder, { recursive: true });
});

describe('a proof of a call', () => {
  test('is accepted by two verifiers that share no code, and refused when anything in it was changed', async () => {
    const [call] = await sql<{ id: string }>(
      world.database.adminUrl,
      `SELECT call_id AS id FROM talosgate.audit_entry WHERE kind = 'call.intent' ORDER BY idx OFFSET 60 LIMIT 1`,
    );
    const out = join(world.folder, 'proofs');
    expect(await run('audit', 'prove', call?.id ?? '', '--database-url-env', 'DB', '--out', out)).toMatchObject({
      code: 0,
    });
    const files = await readdir(out);
    expect(files).toHaveLength(2);
    for (const file of files) {
      const path = join(out, file);
      const text = await readFile(path, 'utf8');
      expect(judgeProof(text, world.log.verifier.vkey, witnessKey)).toMatchObject({
        body: expect.stringContaining(call?.id ?? '') as string,
      });
      expect(await run('audit', 'check-proof', path, ...trust())).toMatchObject({ code: 0 });
      for (const [line] of text.split('\n').entries()) {
        const changed = spoil(text, line);
        if (changed === text) continue;
        expect(judgeProof(changed, world.log.verifier.vkey, witnessKey), changed).toHaveProperty('refused');
        await writeFile(path, changed);
        expect((await run('audit', 'check-proof', path, ...trust())).code, changed).not.toBe(0);
      }
    }
    await expect(run('audit', 'prove', 'no-such-call', '--database-url-env', 'DB')).rejects.toMatchObject({
      code: 'not-found',
    });
  });
});

/** Another character in the middle of one line. */
function spoil(text: string, line: number): string {
  const lines = text.split('\n');
  const found = lines[line] ?? '';
  const at = Math.floor(found.length / 2);
  lines[line] = found.slice(0, at) + (found[at] === 'A' ? 'B' : 'A') + found.slice(at + 1);
  return found === '' ? text : lines.join('\n');
}

// Last: the log is changed for good.
test('a fork that a record explains is told, and the log goes on under its new name', async () => {
  const state = join(world.folder, 'forked.json');
  const before = await world.seal({ state });
  await before.close();
  await world.tamper(
    `UPDATE audit_entry SET (mono_us, body, leaf) = (mono_us + 1, b, sha256('\\x00'::bytea || b)) FROM (
       SELECT convert_to(replace(convert_from(body, 'UTF8'), '"mono":"' || mono_us || '"', '"mono":"' || mono_us + 1 || '"'), 'UTF8') AS b
       FROM audit_entry WHERE idx = 200) AS changed WHERE idx = 200`,
  );
  expect((await run('audit', 'verify', '--database-url-env', 'DB', ...trust())).out).toMatch(/ALTERED +index 200 /);
  const log = await world.write();
  await log.append([{ kind: 'audit.fork', details: { from: origin, to: `${origin}/2`, reason: 'restored' } }]);
  const [row] = await sql<{ idx: number }>(
    world.database.adminUrl,
    `SELECT idx FROM talosgate.audit_entry WHERE kind = 'audit.fork'`,
  );
  await sql(world.database.adminUrl, 'SELECT talosgate.audit_open_origin($1, $2, $3, $4)', [
    `${origin}/2`,
    origin,
    'restored',
    row?.idx ?? 0,
  ]);
  const after = await world.seal({ state, origin: `${origin}/2` });
  await eventually(() => after.health().size > (row?.idx ?? 0));
  expect(after.health().ok).toBe(true);

  const next = createSigner(`${origin}/2`, world.key, 'note').verifier.vkey;
  const file = join(world.folder, 'policy');
  await writeFile(file, `log ${world.log.verifier.vkey}\nlog ${next}\nquorum none\n`);
  const { code, out } = await run('audit', 'verify', '--database-url-env', 'DB', '--policy', file);
  expect([code, out]).toEqual([0, expect.stringMatching(/fork explained by record \d+/)]);
});
