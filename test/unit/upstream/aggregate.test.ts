import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataSchema } from '../../../src/gen/common/common_pb.js';
import { StatusSchema } from '../../../src/gen/google/rpc/status_pb.js';
import { VersionResponseSchema } from '../../../src/gen/machine/machine_pb.js';
import { errorField, fieldOne, hostnameField, labelReply } from '../../../src/upstream/aggregate.ts';

describe('labelReply', () => {
  it('adds the hostname to the element and keeps the rest of it', () => {
    const reply = toBinary(
      VersionResponseSchema,
      create(VersionResponseSchema, { messages: [{ version: { tag: 'v1' } }] }),
    );
    const labelled = fromBinary(VersionResponseSchema, labelReply(Buffer.from(reply), hostnameField('cp-1')));
    expect(labelled.messages).toHaveLength(1);
    expect(labelled.messages[0]).toMatchObject({ version: { tag: 'v1' }, metadata: { hostname: 'cp-1' } });
  });

  it('makes an element that holds only the hostname out of an empty reply', () => {
    const labelled = fromBinary(VersionResponseSchema, labelReply(Buffer.alloc(0), hostnameField('cp-1')));
    expect(labelled.messages.map(message => message.metadata?.hostname)).toEqual(['cp-1']);
  });

  it('keeps fields it does not know', () => {
    const unknown = Buffer.from([0x12, 0x02, 1, 2, 0x18, 0x96, 0x01, 0x25, 1, 2, 3, 4, 0x31, 1, 2, 3, 4, 5, 6, 7, 8]);
    const labelled = labelReply(Buffer.concat([unknown, fieldOne(Buffer.alloc(0))]), hostnameField('n'));
    expect(labelled.subarray(0, unknown.length)).toEqual(unknown);
  });

  it.each([
    ['a length beyond the end', [0x0a, 0x05, 1]],
    ['a group', [0x0b]],
    ['a tag without end', [0x80, 0x80]],
    ['field number 0', [0x02, 0x00]],
    ['a cut fixed64', [0x09, 1, 2]],
  ])('refuses %s', (_what, bytes) => {
    expect(() => labelReply(Buffer.from(bytes), hostnameField('n'))).toThrow(/not a protobuf message/);
  });

  it('never throws anything else on arbitrary bytes, and never loops', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), bytes => {
        try {
          labelReply(Buffer.from(bytes), hostnameField('n'));
        } catch (error) {
          expect(error).toMatchObject({ code: 'internal' });
        }
      }),
    );
  });

  it('labels elements of any size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 70_000 }), size => {
        const element = toBinary(DataSchema, create(DataSchema, { bytes: new Uint8Array(size) }));
        const labelled = labelReply(fieldOne(element), hostnameField('n'));
        // Data stands for the element, and its list by the bytes of its only field.
        const inner = fromBinary(
          DataSchema,
          labelled.subarray(labelled.length - element.length - hostnameField('n').length),
        );
        expect(inner.bytes.length).toBe(size);
        expect(inner.metadata?.hostname).toBe('n');
      }),
      { numRuns: 50 },
    );
  });
});

describe('errorField', () => {
  it('says what grpc-go would print, beside the status itself', () => {
    const { metadata } = fromBinary(DataSchema, errorField('cp-1', { code: 7, message: 'no' }));
    expect(metadata).toMatchObject({
      hostname: 'cp-1',
      error: 'rpc error: code = PermissionDenied desc = no',
      status: { code: 7, message: 'no' },
    });
  });

  it('keeps the details that the node gave, as apid does', () => {
    const any = { typeUrl: 'type.googleapis.com/google.protobuf.StringValue', value: Buffer.from([10, 2, 104, 105]) };
    const full = create(StatusSchema, { code: 3, message: 'no such disk', details: [create(AnySchema, any)] });
    const details = toBinary(StatusSchema, full);
    const { metadata } = fromBinary(DataSchema, errorField('n', { code: 3, message: 'no such disk', details }));
    expect(metadata?.status).toMatchObject({ code: 3, message: 'no such disk', details: [any] });
    expect(metadata?.error).toBe('rpc error: code = InvalidArgument desc = no such disk');
  });

  it.each([
    ['of another code', toBinary(StatusSchema, create(StatusSchema, { code: 5, message: 'x' }))],
    ['that are no status', Buffer.from([0xff, 0xff, 0xff])],
  ])('leaves out details %s', (_what, details) => {
    const { metadata } = fromBinary(DataSchema, errorField('n', { code: 3, message: 'plain', details }));
    expect(metadata?.status).toMatchObject({ code: 3, message: 'plain', details: [] });
  });

  it('writes a code outside the list as grpc-go does', () => {
    expect(fromBinary(DataSchema, errorField('n', { code: 99, message: '' })).metadata?.error).toContain('Code(99)');
  });
});
