import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Frontier } from '../../../src/tlog/frontier.ts';
import { emptyRoot, foldPerfect, leafHash, splitHashes } from '../../../src/tlog/merkle.ts';
import {
  consistencyProof,
  inclusionProof,
  readFrontier,
  verifyConsistency,
  verifyInclusion,
} from '../../../src/tlog/proof.ts';
import { naivePath, naiveProof, naiveReader, naiveRoot } from '../../support/naive-tree.ts';

// Inputs, roots and proofs of the Certificate Transparency reference implementation (merkle_tree_test.cc).
const inputs = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map(
  text => Buffer.from(text, 'hex'),
);
const roots = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
].map(text => Buffer.from(text, 'hex'));
const paths = [
  [
    0,
    8,
    '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
    '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
    '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
  ],
  [
    5,
    8,
    'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
    'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  ],
  [2, 3, 'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125'],
] as const;
const proofs = [
  [
    1,
    8,
    '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
    '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
    '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
  ],
  [
    6,
    8,
    '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
    'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  ],
  [
    2,
    5,
    '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
    'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
  ],
] as const;

const hex = (hashes: readonly Buffer[]): string[] => hashes.map(hash => hash.toString('hex'));

describe('the reference vectors', () => {
  test('give the same roots at every size', () => {
    const frontier = new Frontier();
    const found = [frontier.root()];
    for (const input of inputs) {
      frontier.append(leafHash(input));
      found.push(frontier.root());
    }
    expect(hex(found)).toEqual(hex(roots));
    expect(emptyRoot).toEqual(roots[0]);
  });

  test.each(paths)('give the audit path of leaf %i in a tree of %i', async (index, size, ...expected) => {
    const path = await inclusionProof(naiveReader(inputs), index, size);
    expect(hex(path)).toEqual(expected);
    expect(verifyInclusion(leafHash(inputs[index] ?? Buffer.of()), index, size, path, roots[size] ?? emptyRoot)).toBe(
      true,
    );
  });

  test.each(proofs)('give the consistency proof from %i to %i', async (from, to, ...expected) => {
    const proof = await consistencyProof(naiveReader(inputs), from, to);
    expect(hex(proof)).toEqual(expected);
    expect(verifyConsistency(from, to, proof, roots[from] ?? emptyRoot, roots[to] ?? emptyRoot)).toBe(true);
  });
});

const data = fc.integer({ min: 1, max: 130 }).map(n => Array.from({ length: n }, (_, i) => Buffer.from(`record ${i}`)));
const dataAndTwo = data.chain(list =>
  fc.tuple(fc.constant(list), fc.nat({ max: list.length - 1 }), fc.integer({ min: 1, max: list.length })),
);

describe('against a naive tree of any size', () => {
  test('roots are the same, from leaf to leaf and from any edge on', async () => {
    await fc.assert(
      fc.asyncProperty(dataAndTwo, async ([list, , size]) => {
        const frontier = await readFrontier(naiveReader(list), size);
        expect(frontier.root()).toEqual(naiveRoot(list.slice(0, size)));
        const copy = frontier.clone();
        for (const body of list.slice(size)) copy.append(leafHash(body));
        expect(copy.root()).toEqual(naiveRoot(list));
        expect(frontier.size).toBe(size);
      }),
      { numRuns: 60 },
    );
  });

  test('inclusion is proved for every leaf, and for nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(dataAndTwo, fc.nat(), async ([list, index], salt) => {
        const path = await inclusionProof(naiveReader(list), index, list.length);
        expect(path).toEqual(naivePath(index, list));
        const leaf = leafHash(list[index] ?? Buffer.of());
        const root = naiveRoot(list);
        expect(verifyInclusion(leaf, index, list.length, path, root)).toBe(true);
        expect(verifyInclusion(leafHash(Buffer.from('other')), index, list.length, path, root)).toBe(false);
        expect(verifyInclusion(leaf, list.length, list.length, path, root)).toBe(false);
        expect(verifyInclusion(leaf, index, list.length, [...path, root], root)).toBe(false);
        expect(verifyInclusion(leaf, index, list.length, path, leafHash(root))).toBe(false);
        if (path.length === 0) return;
        expect(verifyInclusion(leaf, index, list.length, path.slice(1), root)).toBe(false);
        expect(verifyInclusion(leaf, index, list.length, spoiled(path, salt), root)).toBe(false);
      }),
      { numRuns: 60 },
    );
  });

  test('consistency is proved between any two sizes, and not for another past', async () => {
    await fc.assert(
      fc.asyncProperty(dataAndTwo, fc.nat(), async ([list, , from], salt) => {
        const to = list.length;
        const proof = await consistencyProof(naiveReader(list), from, to);
        const [older, newer] = [naiveRoot(list.slice(0, from)), naiveRoot(list)];
        if (from < to) expect(proof).toEqual(naiveProof(from, list));
        expect(verifyConsistency(from, to, proof, older, newer)).toBe(true);
        const changed = [Buffer.from('changed'), ...list.slice(1)];
        expect(verifyConsistency(from, to, proof, naiveRoot(changed.slice(0, from)), newer)).toBe(false);
        expect(verifyConsistency(from, to, proof, older, naiveRoot(changed))).toBe(false);
        expect(verifyConsistency(to + 1, to, proof, older, newer)).toBe(false);
        expect(verifyConsistency(from, to, [...proof, older], older, newer)).toBe(false);
        if (proof.length > 0) expect(verifyConsistency(from, to, spoiled(proof, salt), older, newer)).toBe(false);
      }),
      { numRuns: 60 },
    );
  });
});

test('nothing is consistent with everything, and proves nothing', async () => {
  const reader = naiveReader(inputs);
  expect(await consistencyProof(reader, 0, 8)).toEqual([]);
  expect(verifyConsistency(0, 8, [], emptyRoot, roots[8] ?? emptyRoot)).toBe(true);
  expect(verifyConsistency(0, 8, [emptyRoot], emptyRoot, roots[8] ?? emptyRoot)).toBe(false);
  await expect(inclusionProof(reader, 8, 8)).rejects.toThrow(RangeError);
  await expect(consistencyProof(reader, 8, 7)).rejects.toThrow(RangeError);
  expect(() => new Frontier(3, [emptyRoot])).toThrow(RangeError);
});

test('hashes that stand one after the other fold to the root of the perfect tree', () => {
  const leaves = Buffer.concat(inputs.map(leafHash));
  expect(foldPerfect(splitHashes(leaves))).toEqual(roots[8]);
});

function spoiled(path: readonly Buffer[], salt: number): Buffer[] {
  const copies = path.map(hash => Buffer.from(hash));
  const victim = copies[salt % copies.length];
  if (victim !== undefined) victim[salt % 32] = (victim[salt % 32] ?? 0) ^ 1;
  return copies;
}
