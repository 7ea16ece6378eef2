import wire from '../gen/containerd.json' with { type: 'json' };
import type { Methods } from '../gen/containerd.ts';
import { ProtobufReader, ProtobufWriter, wireType } from './protobuf.ts';

type Scalar = 'string' | 'bytes' | 'bool' | 'int32' | 'int64' | 'uint32' | 'uint64';

/** One field of a message as the generator writes it down. */
interface Field {
  readonly id: number;
  readonly name: string;
  readonly type: Scalar | 'enum' | 'message';
  /** Full name of the enum or message. */
  readonly of?: string;
  /** Maps have string keys. */
  readonly many?: 'list' | 'map';
}

interface Method {
  /** gRPC path: `/containerd.services.tasks.v1.Tasks/Create`. */
  readonly path: string;
  /** Full names of the messages. */
  readonly request: string;
  readonly response: string;
}

interface Wire {
  readonly methods: Readonly<Record<keyof Methods, Method>>;
  readonly messages: Readonly<Record<string, readonly Field[]>>;
  readonly enums: Readonly<Record<string, readonly string[]>>;
}

const { methods, messages, enums } = wire as unknown as Wire;

export function methodOf(method: keyof Methods): Method {
  return methods[method];
}

/** The protobuf bytes of a plain object; absent and null fields are left out. `message` is a full name: `containerd.types.Mount`. */
export function encodeMessage(message: string, value: object): Buffer {
  const writer = new ProtobufWriter();
  for (const field of fieldsOf(message)) {
    const content = (value as Record<string, unknown>)[field.name];
    if (content === undefined || content === null) continue;
    if (field.many === 'list') for (const item of content as readonly unknown[]) writeField(writer, field, item);
    else if (field.many === 'map') for (const entry of Object.entries(content)) writeEntry(writer, field, entry);
    else writeField(writer, field, content);
  }
  return writer.finish();
}

/** Every field is there: its default where the sender left it out, null where a message is not set. Unknown fields are skipped. @throws RangeError for bytes that are no such message */
export function decodeMessage(message: string, bytes: Uint8Array): Record<string, unknown> {
  const fields = fieldsOf(message);
  const result: Record<string, unknown> = {};
  const entries = new Map<string, [string, unknown][]>();
  for (const field of fields) {
    if (field.many === 'map') entries.set(field.name, []);
    else result[field.name] = field.many === 'list' ? [] : defaultOf(field);
  }
  const reader = new ProtobufReader(bytes);
  while (!reader.done) {
    const { field: id, type } = reader.tag();
    const field = fields.find((candidate) => candidate.id === id);
    if (field === undefined || type !== (field.many === 'map' ? wireType.bytes : wireTypeOf(field))) reader.skip(type);
    else if (field.many === 'map') entries.get(field.name)?.push(readEntry(field, reader.bytes()));
    else if (field.many === 'list') (result[field.name] as unknown[]).push(readValue(reader, field));
    else result[field.name] = readValue(reader, field);
  }
  // fromEntries makes own properties of every key, `__proto__` too.
  for (const [name, pairs] of entries) result[name] = Object.fromEntries(pairs);
  return result;
}

function fieldsOf(message: string): readonly Field[] {
  const fields = messages[message];
  if (fields === undefined) throw new TypeError(`there is no message ${message} in proto/`);
  return fields;
}

function writeField(writer: ProtobufWriter, field: Field, value: unknown): void {
  writer.tag(field.id, wireTypeOf(field));
  if (field.type === 'string') writer.string(value as string);
  else if (field.type === 'bytes') writer.bytes(value as Uint8Array);
  else if (field.type === 'message') writer.bytes(encodeMessage(field.of ?? '', value as object));
  else if (field.type === 'enum') writer.varint(enumNumber(field, value as string));
  else writer.varint(Number(value));
}

function writeEntry(writer: ProtobufWriter, field: Field, [key, value]: readonly [string, unknown]): void {
  const entry = new ProtobufWriter();
  writeField(entry, keyField, key);
  writeField(entry, valueField(field), value);
  writer.tag(field.id, wireType.bytes);
  writer.bytes(entry.finish());
}

function readValue(reader: ProtobufReader, field: Field): unknown {
  switch (field.type) {
    case 'string':
      return reader.string();
    case 'bytes':
      return reader.bytes();
    case 'bool':
      return reader.unsigned() !== 0;
    case 'message':
      return decodeMessage(field.of ?? '', reader.bytes());
    case 'enum':
      return enumName(field, reader.unsigned());
    case 'int32':
    case 'int64':
      return reader.signed();
    default:
      return reader.unsigned();
  }
}

function readEntry(field: Field, bytes: Uint8Array): [string, unknown] {
  const reader = new ProtobufReader(bytes);
  const item = valueField(field);
  let key = '';
  let value = item.type === 'message' ? decodeMessage(item.of ?? '', new Uint8Array()) : defaultOf(item);
  while (!reader.done) {
    const { field: id, type } = reader.tag();
    if (id === 1 && type === wireType.bytes) key = reader.string();
    else if (id === 2 && type === wireTypeOf(item)) value = readValue(reader, item);
    else reader.skip(type);
  }
  return [key, value];
}

const keyField: Field = { id: 1, name: 'key', type: 'string' };

function valueField({ type, of }: Field): Field {
  return { id: 2, name: 'value', type, ...(of === undefined ? {} : { of }) };
}

function wireTypeOf({ type }: Field): number {
  return type === 'string' || type === 'bytes' || type === 'message' ? wireType.bytes : wireType.varint;
}

function defaultOf(field: Field): unknown {
  switch (field.type) {
    case 'string':
      return '';
    case 'bytes':
      return new Uint8Array();
    case 'bool':
      return false;
    case 'message':
      return null;
    case 'enum':
      return enumName(field, 0);
    default:
      return 0;
  }
}

function enumNumber({ of }: Field, name: string): number {
  const number = enums[of ?? '']?.indexOf(name) ?? -1;
  if (number < 0) throw new TypeError(`${of} has no value ${name}`);
  return number;
}

/** A value that a newer daemon knows and proto/ does not stays a number. */
function enumName({ of }: Field, number: number): string | number {
  return enums[of ?? '']?.[number] ?? number;
}
