import { describe, expect, test } from 'vitest';
import { checkpointText, cosign, signCheckpoint } from '../../../src/tlog/checkpoint.ts';
import { createSigner, generateKey } from '../../../src/tlog/note.ts';
import { parsePolicy, policyOf } from '../../../src/tlog/policy.ts';
import { inclusionProof } from '../../../src/tlog/proof.ts';
import { parseProof, verifyProof, writeProof } from '../../../src/tlog/tlog-proof.ts';
import { naiveReader, naiveRoot } from '../../support/naive-tree.ts';

const origin = 'gate.example/audit';
const log = createSigner(origin, generateKey(), 'note');
const [w1, w2, w3] = ['one', 'two', 'three'].map(name =>
  createSigner(`witness.example/${name}`, generateKey(), 'cosignature'),
);
if (w1 === undefined || w2 === undefined || w3 === undefined) throw new Error('three witnesses');
const keys = (...signers: (typeof log)[]): Set<string> => new Set(signers.map(({ verifier }) => verifier.vkey));

describe('a policy', () => {
  const text = `# who counts
log ${log.verifier.vkey} https://gate.example
witness one ${w1.verifier.vkey}
witness two ${w2.verifier.vkey}
witness three ${w3.verifier.vkey}
group pair 2 one two three
quorum pair
`;
  test('asks for a quorum', () => {
    const policy = parsePolicy(text);
    expect(policy.logs.map(({ name }) => name)).toEqual([origin]);
    expect(policy.needsWitnesses).toBe(true);
    expect(policy.quorum(keys(w1, w3))).toBe(true);
    expect(policy.quorum(keys(w2))).toBe(false);
  });

  test('may have groups of groups, any and all, or ask for nobody', () => {
    const nested = parsePolicy(
      text.replace(/group[\s\S]*/, 'group some any one two\ngroup both all some three\nquorum both\n'),
    );
    expect(nested.quorum(keys(w1, w3))).toBe(true);
    expect(nested.quorum(keys(w1, w2))).toBe(false);
    expect(parsePolicy('quorum none\n')).toMatchObject({ needsWitnesses: false });
  });

  test.each([
    ['no quorum', `log ${log.verifier.vkey}\n`, /no quorum/],
    ['two quorums', 'quorum none\nquorum none\n', /line 2/],
    ['an unknown member', 'group g any x\nquorum g\n', /line 1.*unknown/],
    ['a member of two groups', text.replace('quorum pair', 'group more any one\nquorum more'), /in a group already/],
    ['a threshold too high', text.replace('pair 2', 'pair 4'), /threshold/],
    ['a log key for a witness', `witness one ${log.verifier.vkey}\nquorum one\n`, /witnesses was expected/],
    ['the same key twice', `log ${log.verifier.vkey}\nlog ${log.verifier.vkey}\nquorum none\n`, /twice/],
    ['a word of its own', 'trust me\n', /not understood/],
  ])('with %s is refused', (_, policy, expected) => {
    expect(() => parsePolicy(policy)).toThrow(expected);
  });

  test('made of keys asks for every witness, and for at least one', () => {
    const policy = policyOf([log.verifier], [w1.verifier, w2.verifier]);
    expect(policy.quorum(keys(w1, w2))).toBe(true);
    expect(policy.quorum(keys(w1))).toBe(false);
    expect(policyOf([log.verifier], []).quorum(new Set())).toBe(false);
  });
});

describe('a proof', async () => {
  const bodies = Array.from({ length: 21 }, (_, index) => Buffer.from(`{"wseq":"${index}"}`));
  const checkpoint = { origin, size: bodies.length, root: naiveRoot(bodies) };
  const note = signCheckpoint(checkpoint, log) + cosign(checkpointText(checkpoint), 1_700_000_000, w1);
  const path = await inclusionProof(naiveReader(bodies), 13, bodies.length);
  const proof = { body: bodies[13] ?? Buffer.of(), index: 13, path, checkpoint: note };
  const text = writeProof(proof);
  const policy = policyOf([log.verifier], [w1.verifier]);

  test('holds what is needed and nothing else', () => {
    expect(text.split('\n')[0]).toBe('c2sp.org/tlog-proof@v1');
    expect(parseProof(text)).toEqual(proof);
    expect(verifyProof(text, policy)).toEqual({ ok: true, size: 21, witnessedAt: 1_700_000_000 });
  });

  test('says why it does not count', () => {
    const changed = writeProof({ ...proof, body: Buffer.from('{"wseq":"12"}') });
    expect(verifyProof(changed, policy)).toEqual({ ok: false, why: 'not-included' });
    expect(verifyProof(writeProof({ ...proof, index: 12 }), policy)).toEqual({ ok: false, why: 'not-included' });
    expect(verifyProof(text.replace('\n21\n', '\n22\n'), policy)).toEqual({ ok: false, why: 'unsigned' });
    expect(verifyProof(text, policyOf([], [w1.verifier]))).toEqual({ ok: false, why: 'unsigned' });
    expect(verifyProof(text, policyOf([log.verifier], [w2.verifier]))).toEqual({ ok: false, why: 'unanchored' });
    expect(verifyProof(text, policyOf([log.verifier], []))).toEqual({ ok: false, why: 'unanchored' });
    expect(verifyProof(text.replace('index 13', 'index 013'), policy)).toEqual({ ok: false, why: 'malformed' });
    expect(verifyProof('', policy)).toEqual({ ok: false, why: 'malformed' });
  });
});
