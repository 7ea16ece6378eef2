import { join } from 'node:path';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, test } from 'vitest';
import { loadProto } from '../../../scripts/generate/wire.ts';
import { decodeMessage, encodeMessage, methodOf } from '../../../src/containerd/codec.ts';
import wire from '../../../src/gen/containerd.json' with { type: 'json' };
import type { Methods } from '../../../src/gen/containerd.ts';

const root = await loadProto(join(import.meta.dirname, '../../../proto'));
const messages = Object.keys(wire.messages);

/** Any value of a message: each field is there or not. */
function anyValueOf(type: protobuf.Type): fc.Arbitrary<Record<string, unknown>> {
  const fields = type.fieldsArray.map((field) => [
    field.name,
    field.map
      ? fc.dictionary(fc.string(), itemOf(field), { maxKeys: 3 })
      : field.repeated
        ? fc.array(itemOf(field), { maxLength: 3 })
        : itemOf(field),
  ]);
  return fc.record(Object.fromEntries(fields), { requiredKeys: [] });
}

function itemOf(field: protobuf.Field): fc.Arbitrary<unknown> {
  if (field.resolvedType instanceof protobuf.Type) return anyValueOf(field.resolvedType);
  if (field.resolvedType instanceof protobuf.Enum) return fc.constantFrom(...Object.keys(field.resolvedType.values));
  switch (field.type) {
    case 'string':
      return fc.string({ unit: 'grapheme' });
    case 'bytes':
      return fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes));
    case 'bool':
      return fc.boolean();
    case 'int32':
      return fc.integer();
    case 'uint32':
      return fc.nat(2 ** 32 - 1);
    case 'int64':
      return fc.maxSafeInteger();
    default:
      return fc.maxSafeNat();
  }
}

const readable = { longs: Number, enums: String, defaults: true } as const;

describe('every message is understood by another implementation, and the other way round', () => {
  test.each(messages)('%s', (name) => {
    const type = root.lookupType(name);
    fc.assert(
      fc.property(anyValueOf(type), (value) => {
        const theirs = type.encode(type.fromObject(value)).finish();
        expect(plain(type.toObject(type.decode(encodeMessage(name, value)), readable))).toEqual(
          plain(decodeMessage(name, theirs)),
        );
      }),
      { numRuns: 25 },
    );
  });
});

test('a field that was not sent has its default, and a message that was not sent is null', () => {
  expect(decodeMessage('containerd.services.tasks.v1.DeleteResponse', new Uint8Array())).toEqual({
    id: '',
    pid: 0,
    exitStatus: 0,
    exitedAt: null,
  });
  expect(decodeMessage('containerd.v1.types.Process', new Uint8Array())).toMatchObject({
    status: 'UNKNOWN',
    terminal: false,
  });
  expect(decodeMessage('containerd.services.containers.v1.Container', new Uint8Array())).toMatchObject({
    labels: {},
    extensions: {},
    spec: null,
  });
});

test('fields that a newer daemon sends are skipped, and values of enums that it adds arrive as numbers', () => {
  // Field 99 as text, field 3 (a number here) as text, then status 42.
  const bytes = Buffer.from([0x9a, 0x06, 0x01, 0x61, 0x1a, 0x01, 0x61, 0x20, 0x2a]);
  expect(decodeMessage('containerd.v1.types.Process', bytes)).toMatchObject({ id: '', pid: 0, status: 42 });
});

test('labels with the name of a prototype are labels', () => {
  const labels = JSON.parse('{"__proto__":"x","constructor":"y"}') as Record<string, string>;
  const decoded = decodeMessage(
    'containerd.services.leases.v1.Lease',
    encodeMessage('containerd.services.leases.v1.Lease', { labels }),
  );
  expect(Object.entries(decoded.labels as object)).toEqual([
    ['__proto__', 'x'],
    ['constructor', 'y'],
  ]);
});

test('a wrong name is refused before anything is sent', () => {
  expect(() => encodeMessage('containerd.types.Nothing', {})).toThrow(/containerd\.types\.Nothing/);
  expect(() => encodeMessage('containerd.services.snapshots.v1.Info', { kind: 'FROZEN' })).toThrow(/FROZEN/);
});

test('every method has the path of its service and messages that exist', () => {
  const services = Object.keys(wire.methods) as (keyof Methods)[];
  expect(services).toContain('Tasks.Create');
  for (const key of services) {
    const { path, request, response } = methodOf(key);
    expect(path.endsWith(`.${key.replace('.', '/')}`)).toBe(true);
    const [, service = '', name = ''] = path.split('/');
    const method = root.lookupService(service).methods[name];
    expect([request, response].map((message) => messages.includes(message))).toEqual([true, true]);
    expect(method?.resolvedRequestType?.fullName).toBe(`.${request}`);
    expect(method?.resolvedResponseType?.fullName).toBe(`.${response}`);
  }
});

/** The same plain shape, whoever decoded it. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .map(([key, item]): [string, unknown] => [key, plain(item)])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}
