import { hash } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { cosignedAt, parseCheckpoint, signCheckpoint } from '../../../src/tlog/checkpoint.ts';
import { createSigner, generateKey, parseNote, parseSignatureLines } from '../../../src/tlog/note.ts';
import { consistencyProof } from '../../../src/tlog/proof.ts';
import { startWitness } from '../../../src/witness/server.ts';
import { naiveReader, naiveRoot } from '../../support/naive-tree.ts';
import { eventually, sql } from '../audit/support.ts';
import { createSealedWorld, origin, type SealedWorld, sealed, writeCalls } from './support.ts';

let world: SealedWorld;
beforeEach(async () => {
  world = await createSealedWorld();
});
afterEach(() => world.close());

const data = Array.from({ length: 40 }, (_, index) => Buffer.from(`record ${index}`));
const other = [Buffer.from('another past'), ...data.slice(1)];

function submission(old: number, size: number, records = data, proofOf = records): Promise<string> {
  return consistencyProof(naiveReader(proofOf), old, size).then(proof => {
    const lines = proof.map(one => `${one.toString('base64')}\n`).join('');
    const root = naiveRoot(records.slice(0, size));
    return `old ${old}\n${lines}\n${signCheckpoint({ origin, size, root }, world.log)}`;
  });
}

async function post(url: string, body: string): Promise<{ status: number; type: string | null; text: string }> {
  const answer = await fetch(`${url}/add-checkpoint`, { method: 'POST', body });
  return { status: answer.status, type: answer.headers.get('content-type'), text: await answer.text() };
}

describe('the witness', () => {
  test('cosigns what continues the checkpoint before, and shows the newest', async () => {
    const { url, signer } = await world.witness();
    for (const [old, size] of [
      [0, 7],
      [7, 7],
      [7, 32],
      [32, 40],
    ] as const) {
      const request = await submission(old, size);
      const { status, text } = await post(url, request);
      expect(status).toBe(200);
      const checkpoint = parseCheckpoint(request.slice(request.indexOf('\n\n') + 2)).note.text;
      const seconds = cosignedAt(checkpoint, parseSignatureLines(text), signer.verifier);
      expect(Math.abs((seconds ?? 0) - Date.now() / 1000)).toBeLessThan(60);
    }
    const shown = await fetch(`${url}/${hash('sha256', origin)}/checkpoint`);
    const note = parseNote(await shown.text());
    expect(parseCheckpoint(`${note.text}\n\u2014 a AAAAAAAA\n`)).toMatchObject({ origin, size: 40 });
    expect(note.signatures.map(({ name }) => name)).toEqual([origin, signer.verifier.name]);
  });

  test('answers with the statuses of the specification', async () => {
    const { url } = await world.witness();
    const stranger = createSigner('other.example/log', generateKey(), 'note');
    const forged = createSigner(origin, generateKey(), 'note');
    const root = naiveRoot(data.slice(0, 7));
    expect((await post(url, await submission(0, 7))).status).toBe(200);
    expect(await post(url, await submission(0, 9))).toEqual({ status: 409, type: 'text/x.tlog.size', text: '7\n' });
    expect((await post(url, await submission(7, 9, other, data))).status).toBe(422);
    expect((await post(url, await submission(7, 7, other))).status).toBe(422);
    expect(
      (await post(url, `old 0\n\n${signCheckpoint({ origin: 'other.example/log', size: 7, root }, stranger)}`)).status,
    ).toBe(404);
    expect((await post(url, `old 7\n\n${signCheckpoint({ origin, size: 7, root }, forged)}`)).status).toBe(403);
    expect((await post(url, `old 8\n\n${signCheckpoint({ origin, size: 7, root }, world.log)}`)).status).toBe(400);
    expect((await post(url, 'old 07\n\nnonsense')).status).toBe(400);
    expect((await post(url, `old 7\n${'A'.repeat(70_000)}`)).status).toBe(413);
    expect((await fetch(`${url}/${hash('sha256', 'other.example/log')}/checkpoint`)).status).toBe(404);
    expect((await fetch(`${url}/`)).status).toBe(404);
  });

  test('lets one of many through when all continue the same size at once', async () => {
    const { url } = await world.witness();
    expect((await post(url, await submission(0, 7))).status).toBe(200);
    const requests = await Promise.all([9, 12, 20, 33, 40].map(size => submission(7, size)));
    const answers = await Promise.all(requests.map(request => post(url, request)));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409, 409, 409, 409]);
  });

  test('remembers after a restart', async () => {
    const stateFile = join(world.folder, 'w.json');
    const signer = createSigner('w', generateKey(), 'cosignature');
    const options = { host: '127.0.0.1', port: 0, signer, logs: [world.log.verifier], stateFile, clock: systemClock };
    const first = await startWitness(options);
    expect((await post(`http://127.0.0.1:${first.port}`, await submission(0, 20))).status).toBe(200);
    await first.close();
    const again = await startWitness(options);
    expect(await post(`http://127.0.0.1:${again.port}`, await submission(0, 7))).toMatchObject({ text: '20\n' });
    await again.close();
  });
});

describe('a sealed log with a witness', () => {
  const cosigned = (): Promise<{ size: number; line: string; note: string }[]> =>
    sql(
      world.database.adminUrl,
      'SELECT s.size, s.line, c.note FROM talosgate.audit_cosignature AS s JOIN talosgate.audit_checkpoint AS c USING (origin, size) ORDER BY size',
    );

  test('has its checkpoints cosigned as it grows', async () => {
    const { url, signer } = await world.witness();
    const sealing = await world.seal({ witnesses: [{ url, key: signer.verifier.vkey }] });
    const log = await world.write(sealing);
    await writeCalls(log, 10);
    const size = await sealed(world, sealing);
    await eventually(() => (sealing.health().witnesses[0]?.size ?? 0) >= size);
    await writeCalls(log, 150);
    const more = await sealed(world, sealing);
    await eventually(() => (sealing.health().witnesses[0]?.size ?? 0) >= more);
    const rows = await cosigned();
    expect(rows.length).toBeGreaterThanOrEqual(2);
    for (const { line, note } of rows) {
      expect(cosignedAt(parseNote(note).text, parseSignatureLines(line), signer.verifier)).toBeDefined();
    }
    expect(sealing.health().ok).toBe(true);
  });

  test('goes on while the witness is away, and tells', async () => {
    const { url, signer, server } = await world.witness();
    await server.close();
    const sealing = await world.seal({ witnesses: [{ url, key: signer.verifier.vkey }] });
    await writeCalls(await world.write(sealing), 4);
    await sealed(world, sealing);
    await eventually(() => world.reports.some(report => report.includes('does not cosign')));
    expect(sealing.health().ok).toBe(true);
  });

  test('that was set back together with every memory here is given away by the witness', async () => {
    const { url, signer } = await world.witness();
    const witnesses = [{ url, key: signer.verifier.vkey }];
    const sealing = await world.seal({ witnesses });
    const log = await world.write(sealing);
    await writeCalls(log, 10);
    await sealed(world, sealing);
    await writeCalls(log, 10);
    const size = await sealed(world, sealing);
    await eventually(() => (sealing.health().witnesses[0]?.size ?? 0) >= size);
    await sealing.close();
    const [first] = await sql<{ size: number }>(
      world.database.adminUrl,
      'SELECT min(size) AS size FROM talosgate.audit_checkpoint',
    );
    const base = first?.size ?? 0;
    await world.tamper(
      `DELETE FROM audit_cosignature WHERE size > ${base}`,
      `DELETE FROM audit_checkpoint WHERE size > ${base}`,
      `DELETE FROM audit_leaf_run WHERE first >= ${base}`,
      `DELETE FROM audit_entry WHERE idx >= ${base}`,
      `UPDATE audit_head SET size = ${base}`,
    );
    const after = await world.seal({ witnesses });
    expect(after.health()).toMatchObject({ ok: false, signs: false });
    expect(after.health().fork).toMatch(`witness witness.example/w1 has seen ${size} records`);
  });
});
