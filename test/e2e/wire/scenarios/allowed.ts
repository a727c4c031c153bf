import { describe, expect, test } from 'vitest';
import { grpcCodes } from '../../../../src/core/grpc.ts';
import { type Bench, type Call, methodOf } from '../bench.ts';
import { expectRecords } from '../records.ts';
import type { Sample } from '../sample.ts';
import { samples } from '../samples.ts';
import type { Exchange } from '../talosctl.ts';
import { nodes } from '../twins.ts';
import { askingRecords, isUnmergeable, recordsOf, takeOf, waysOf } from '../ways.ts';

export function describeAllowed(bench: () => Bench): void {
  describe('allowed: reply, status and what the node sees are those of a direct call', () => {
    test.each(samples)('$path', async sample => {
      const { watch } = bench();
      await watch.moveOn();
      const complaints: string[] = [];
      const records: string[] = [];
      for (const way of waysOf(sample)) {
        const [target = ''] = way.targets;
        await bench().prepare(sample, target);
        const call: Call = { sample, to: way.to, as: 'carol', scenario: 'allowed', take: takeOf(sample, way) };
        if (!isUnmergeable(sample, way)) await bench().agree(call);
        const pair = await bench().both(call);
        complaints.push(...bench().compare(call, pair));
        if (!isUnmergeable(sample, way)) complaints.push(...(await bench().compareSeen(call, way.targets)));
        if (way.to.node !== undefined) complaints.push(...unexpected(sample, pair.direct));
        records.push(...askingRecords(sample, way), ...recordsOf(sample, way, pair.through));
      }
      expect(complaints).toEqual([]);
      await expectRecords(watch, records);
    });
  });

  describe('with a token as the password of basic authentication: as with a certificate', () => {
    const kinds = new Map(samples.toReversed().map(sample => [methodOf(sample).kind, sample]));

    test.each([...kinds])('%s', async (_kind, sample) => {
      for (const way of waysOf(sample)) {
        await bench().prepare(sample, way.targets[0] ?? '');
        const call: Call = { sample, to: way.to, as: 'carol-jwt', scenario: 'allowed', take: takeOf(sample, way) };
        if (!isUnmergeable(sample, way)) await bench().agree(call);
        expect(bench().compare(call, await bench().both(call))).toEqual([]);
        const metadata = bench()
          .reached()
          .flatMap(({ headers }) => headers.flat());
        expect(metadata.filter(text => /authorization|Basic /.test(text))).toEqual([]);
      }
    });

    test('and without either is refused', async () => {
      const [sample] = samples;
      if (sample === undefined) throw new Error('no sample');
      const call: Call = { sample, to: { node: nodes.worker }, as: 'nobody', scenario: 'denied' };
      expect((await bench().through(call)).code).toBe(grpcCodes.UNAUTHENTICATED);
    });
  });
}

/** Says when the direct call, with which the other is compared, was not the one it was meant to be. */
function unexpected(sample: Sample, { code, left, message, messages }: Exchange): string[] {
  if (sample.take !== undefined) {
    return left && messages.length === sample.take ? [] : [`${messages.length} messages, expected ${sample.take}`];
  }
  const wanted = grpcCodes[sample.refused?.code ?? 'OK'];
  return code === wanted ? [] : [`${sample.path} itself: ${code ?? 'no status'} ${message}`];
}
