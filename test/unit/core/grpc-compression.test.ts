import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decompressFrame } from '../../../src/core/grpc-compression.ts';

const squeezed = { compressed: true, payload: gzipSync(Buffer.from('hello')) };

describe('decompressFrame', () => {
  it('passes a plain message as it is, whatever encoding was announced', async () => {
    const payload = Buffer.from('hello');
    expect(await decompressFrame({ compressed: false, payload }, 'snappy')).toBe(payload);
  });

  it('inflates gzip', async () => {
    expect(String(await decompressFrame(squeezed, 'gzip'))).toBe('hello');
  });

  it('stops at the limit instead of inflating a bomb', async () => {
    const bomb = { compressed: true, payload: gzipSync(Buffer.alloc(10_000_000)) };
    expect(bomb.payload.length).toBeLessThan(20_000);
    await expect(decompressFrame(bomb, 'gzip', 1_000_000)).rejects.toMatchObject({ code: 'message-too-large' });
  });

  it.each([
    ['snappy', 'unsupported-encoding'],
    [undefined, 'malformed-frame'],
    ['identity', 'malformed-frame'],
  ])('refuses the encoding %s with %s', async (encoding, code) => {
    await expect(decompressFrame(squeezed, encoding)).rejects.toMatchObject({ code });
  });

  it('refuses data that is not gzip', async () => {
    const frame = { compressed: true, payload: Buffer.from('not gzip at all') };
    await expect(decompressFrame(frame, 'gzip')).rejects.toMatchObject({ code: 'malformed-frame' });
  });
});
