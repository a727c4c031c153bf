import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeGrpcMessage, encodeGrpcMessage } from '../../../src/core/grpc-message.ts';

describe('encodeGrpcMessage', () => {
  it('leaves printable ASCII alone and encodes the rest', () => {
    expect(encodeGrpcMessage('plain text, ~!')).toBe('plain text, ~!');
    expect(encodeGrpcMessage('50% of hä\n')).toBe('50%25 of h%C3%A4%0A');
  });

  it('makes only what may stand in a header, and what decodes to the same text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), text => {
        const encoded = encodeGrpcMessage(text);
        expect(encoded).toMatch(/^[\x20-\x7e]*$/);
        expect(decodeGrpcMessage(encoded)).toBe(text);
      }),
    );
  });
});

describe('decodeGrpcMessage', () => {
  it('never throws, and keeps what is no escape', () => {
    expect(decodeGrpcMessage('100%')).toBe('100%');
    expect(decodeGrpcMessage('%zz%4')).toBe('%zz%4');
    expect(decodeGrpcMessage('%ff')).toBe('\ufffd');
  });
});
