import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, test } from 'vitest';
import { ProtobufReader, ProtobufWriter, wireType } from '../../../src/containerd/protobuf.ts';

const unsigned = fc.oneof(fc.nat(300), fc.maxSafeNat());
const signed = fc.oneof(fc.integer(), fc.maxSafeInteger());

function written(write: (writer: ProtobufWriter) => void): Buffer {
  const writer = new ProtobufWriter();
  write(writer);
  return writer.finish();
}

test('numbers are written as another implementation writes them', () => {
  fc.assert(
    fc.property(signed, (value) => {
      expect(written((writer) => writer.varint(value)).toString('hex')).toBe(
        Buffer.from(protobuf.Writer.create().int64(value).finish()).toString('hex'),
      );
    }),
  );
});

test('numbers, strings and bytes of any size come back', () => {
  fc.assert(
    fc.property(
      unsigned,
      signed,
      fc.string({ unit: 'grapheme' }),
      fc.uint8Array({ maxLength: 2000 }),
      (a, b, text, bytes) => {
        const reader = new ProtobufReader(
          written((writer) => {
            writer.varint(a);
            writer.varint(b);
            writer.string(text);
            writer.bytes(bytes);
          }),
        );
        expect([
          reader.unsigned(),
          reader.signed(),
          reader.string(),
          new Uint8Array(reader.bytes()),
          reader.done,
        ]).toEqual([a, b, text, bytes, true]);
      },
    ),
  );
});

describe('numbers at the edges', () => {
  test.each([
    [0, '00'],
    [127, '7f'],
    [128, '8001'],
    [2 ** 32 - 1, 'ffffffff0f'],
    [2 ** 32, '8080808010'],
    [Number.MAX_SAFE_INTEGER, 'ffffffffffffff0f'],
    [2 ** 63, '80808080808080808001'],
    [-1, 'ffffffffffffffffff01'],
    // Go's zero time.
    [-62135596800, '8092b8c398feffffff01'],
  ])('%d is %s', (value, hex) => {
    const bytes = written((writer) => writer.varint(value));
    expect(bytes.toString('hex')).toBe(hex);
    const reader = new ProtobufReader(bytes);
    expect(value < 0 ? reader.signed() : reader.unsigned()).toBe(value);
  });

  test.each([0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 64, -(2 ** 64)])('%d is refused', (value) => {
    expect(() => written((writer) => writer.varint(value))).toThrow(RangeError);
  });
});

test('bytes that end too early, never end or have an unknown wire type are refused', () => {
  expect(() => new ProtobufReader(Buffer.from('80', 'hex')).unsigned()).toThrow(RangeError);
  expect(() => new ProtobufReader(Buffer.from('05aabb', 'hex')).bytes()).toThrow(RangeError);
  expect(() => new ProtobufReader(Buffer.alloc(11, 0xff)).unsigned()).toThrow(RangeError);
  expect(() => new ProtobufReader(Buffer.from('aabb', 'hex')).skip(wireType.fixed32)).toThrow(RangeError);
  expect(() => new ProtobufReader(Buffer.from('aabb', 'hex')).skip(3)).toThrow(RangeError);
});
