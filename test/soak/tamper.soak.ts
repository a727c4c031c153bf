import { afterAll, beforeAll, expect, test } from 'vitest';
import { policyOf, type TrustPolicy } from '../../src/tlog/policy.ts';
import { eventually } from '../integration/audit/support.ts';
import { createSealedWorld, type SealedWorld, sealed, writeCalls } from '../integration/seal/support.ts';
import { tamperAndVerify } from '../integration/seal/tamper-run.ts';

let world: SealedWorld;
let policy: TrustPolicy;
beforeAll(async () => {
  world = await createSealedWorld();
  const { url, signer } = await world.witness();
  policy = policyOf([world.log.verifier], [signer.verifier]);
  const sealing = await world.seal({
    witnesses: [{ url, key: signer.verifier.vkey }],
    everyMs: 20,
    witnessEveryMs: 100,
  });
  const log = await world.write(sealing);
  for (let round = 0; round < 8; round++) {
    await writeCalls(log, 40);
    const size = await sealed(world, sealing);
    await eventually(() => (sealing.health().witnesses[0]?.size ?? 0) >= size);
  }
  await log.close();
  const size = await sealed(world, sealing);
  await eventually(() => (sealing.health().witnesses[0]?.size ?? 0) >= size);
  await sealing.close();
}, 120_000);
afterAll(() => world.close());

test('1,000 random changes made by a superuser are all found, and the right record is named', async () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);
  const { wrong, changes, milliseconds } = await tamperAndVerify(world.database.adminUrl, policy, 1_000, seed);
  process.stdout.write(`seed ${seed}: ${changes - wrong.length} of ${changes} named in ${milliseconds} ms\n`);
  expect(wrong).toEqual([]);
}, 3_600_000);
