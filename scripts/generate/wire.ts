import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import protobuf from 'protobufjs';

/** What a package's messages are prefixed with in TypeScript, unless their name says it already. */
const prefixes: Readonly<Record<string, string>> = {
  'google.protobuf': '',
  'grpc.health.v1': '',
  'containerd.types': '',
  'containerd.v1.types': 'Task',
  'containerd.events': '',
  'containerd.runc.v1': 'Runc',
  'runtimeoptions.v1': 'Shim',
  'containerd.services.containers.v1': 'Container',
  'containerd.services.content.v1': 'Content',
  'containerd.services.diff.v1': 'Diff',
  'containerd.services.events.v1': 'Event',
  'containerd.services.images.v1': 'Image',
  'containerd.services.introspection.v1': 'Introspection',
  'containerd.services.leases.v1': 'Lease',
  'containerd.services.namespaces.v1': 'Namespace',
  'containerd.services.sandbox.v1': 'Sandbox',
  'containerd.services.snapshots.v1': 'Snapshot',
  'containerd.services.tasks.v1': 'Task',
  'containerd.services.version.v1': 'Version',
  'io.containerd.cgroups.v1': 'CgroupV1',
  'io.containerd.cgroups.v2': 'CgroupV2',
};

/** From proto/*.proto: the table that the codec works from, and the types. */
export async function generateWire(root: string): Promise<ReadonlyMap<string, string>> {
  const wire = collect(await loadProto(join(root, 'proto')));
  return new Map([
    ['src/gen/containerd.json', tableOf(wire)],
    ['src/gen/containerd.ts', typesOf(wire)],
  ]);
}

/** Every .proto file of the directories in one resolved root; field names in camel case, as in the generated types. */
export async function loadProto(...directories: readonly string[]): Promise<protobuf.Root> {
  const wire = new protobuf.Root();
  for (const directory of directories) {
    const files = (await readdir(directory)).filter((name) => name.endsWith('.proto')).sort();
    for (const file of files) protobuf.parse(await readFile(join(directory, file), 'utf8'), wire, { keepCase: false });
  }
  wire.resolveAll();
  return wire;
}

function tableOf({ messages, enums, methods }: Wire): string {
  const table = {
    methods: Object.fromEntries(
      methods.map(({ key, path, request, response }) => [
        key,
        { path, request: fullName(request), response: fullName(response) },
      ]),
    ),
    messages: Object.fromEntries(messages.map((message) => [fullName(message), message.fieldsArray.map(fieldOf)])),
    enums: Object.fromEntries(enums.map((item) => [fullName(item), enumNames(item)])),
  };
  const lines = Object.entries(table).map(([part, items]) => {
    const rows = Object.entries(items).map(([name, item]) => `${JSON.stringify(name)}:${JSON.stringify(item)}`);
    return `${JSON.stringify(part)}:{\n${rows.join(',\n')}\n}`;
  });
  return `{\n${lines.join(',\n')}\n}\n`;
}

/** A field as `src/containerd/codec.ts` wants it. What the codec does not speak is refused here. */
function fieldOf(field: protobuf.Field): object {
  const { id, name, resolvedType } = field;
  const type = resolvedType instanceof protobuf.Enum ? 'enum' : resolvedType === null ? field.type : 'message';
  const length = ['string', 'bytes', 'message'].includes(type);
  if (!length && !['bool', 'int32', 'int64', 'uint32', 'uint64', 'enum'].includes(type))
    throw new Error(`${fullName(field)}: no codec for ${type}`);
  if (field.repeated && !length) throw new Error(`${fullName(field)}: no codec for packed numbers`);
  if (field instanceof protobuf.MapField && field.keyType !== 'string')
    throw new Error(`${fullName(field)}: map keys must be strings`);
  return {
    id,
    name,
    type,
    ...(resolvedType === null ? {} : { of: fullName(resolvedType) }),
    ...(field.map ? { many: 'map' } : field.repeated ? { many: 'list' } : {}),
  };
}

/** The names by number, which must count from 0 without a gap. */
function enumNames(item: protobuf.Enum): string[] {
  const names = Object.keys(item.values);
  if (names.some((name, index) => item.values[name] !== index))
    throw new Error(`${fullName(item)}: numbers must be 0, 1, 2 …`);
  return names;
}

function typesOf({ messages, enums, methods }: Wire): string {
  const spoken = reachable(methods.map(({ request }) => request));
  const heard = reachable(methods.map(({ response }) => response));
  const payloads = messages.filter(
    (message) => !spoken.has(message) && !heard.has(message) && !isReferred(message, messages),
  );
  for (const message of reachable(payloads)) {
    spoken.add(message);
    heard.add(message);
  }
  refuseSameNames([...messages, ...enums]);

  const inputOf = (message: protobuf.Type): string =>
    heard.has(message) ? `${tsName(message)}Input` : tsName(message);

  return `${[
    '// Generated from proto/ by scripts/generate.ts. Do not edit.',
    '// int64 and uint64 are numbers: exact up to 2^53, nearest double above. A message that is not set is null. An enum value unknown here arrives as its number.',
    ...enums.map(
      (item) =>
        `export type ${tsName(item)} = ${Object.keys(item.values)
          .map((name) => `'${name}'`)
          .join(' | ')};`,
    ),
    ...messages
      .filter((message) => heard.has(message))
      .map((message) => {
        return `export interface ${tsName(message)} {\n${message.fieldsArray.map((field) => `  readonly ${field.name}: ${heardType(field)};\n`).join('')}}`;
      }),
    ...messages
      .filter((message) => spoken.has(message))
      .map((message) => {
        return `export interface ${inputOf(message)} {\n${message.fieldsArray.map((field) => `  readonly ${field.name}?: ${spokenType(field, inputOf)};\n`).join('')}}`;
      }),
    `export interface Methods {\n${methods.map(({ key, request, response, kind }) => `  '${key}': { request: ${inputOf(request)}; response: ${tsName(response)}; kind: '${kind}' };\n`).join('')}}`,
    `export interface Payloads {\n${payloads.map((message) => `  '${fullName(message)}': { input: ${inputOf(message)}; output: ${tsName(message)} };\n`).join('')}}`,
  ].join('\n\n')}\n`;
}

interface Wire {
  readonly messages: readonly protobuf.Type[];
  readonly enums: readonly protobuf.Enum[];
  readonly methods: readonly WireMethod[];
}

interface WireMethod {
  /** `Tasks.Create` */
  readonly key: string;
  readonly path: string;
  readonly request: protobuf.Type;
  readonly response: protobuf.Type;
  readonly kind: 'unary' | 'server-stream' | 'duplex';
}

function collect(wire: protobuf.Root): Wire {
  const found = { messages: [] as protobuf.Type[], enums: [] as protobuf.Enum[], methods: [] as WireMethod[] };
  const visit = (namespace: protobuf.NamespaceBase): void => {
    for (const item of namespace.nestedArray) {
      if (item instanceof protobuf.Type) found.messages.push(item);
      if (item instanceof protobuf.Enum) found.enums.push(item);
      if (item instanceof protobuf.Service)
        found.methods.push(...item.methodsArray.map((method) => methodOf(item, method)));
      else if (item instanceof protobuf.Namespace) visit(item);
    }
  };
  visit(wire);
  return found;
}

function methodOf(service: protobuf.Service, method: protobuf.Method): WireMethod {
  return {
    key: `${service.name}.${method.name}`,
    path: `/${fullName(service)}/${method.name}`,
    request: method.resolvedRequestType as protobuf.Type,
    response: method.resolvedResponseType as protobuf.Type,
    kind: method.requestStream ? 'duplex' : method.responseStream ? 'server-stream' : 'unary',
  };
}

function reachable(from: readonly protobuf.Type[]): Set<protobuf.Type> {
  const seen = new Set<protobuf.Type>();
  const visit = (message: protobuf.Type): void => {
    if (seen.has(message)) return;
    seen.add(message);
    for (const field of message.fieldsArray) if (field.resolvedType instanceof protobuf.Type) visit(field.resolvedType);
  };
  from.forEach(visit);
  return seen;
}

/** A message that no method and no message refers to is the payload of an Any. */
function isReferred(message: protobuf.Type, messages: readonly protobuf.Type[]): boolean {
  return messages.some((other) => other.fieldsArray.some((field) => field.resolvedType === message));
}

function heardType(field: protobuf.Field): string {
  const type = valueType(field, tsName);
  if (field.map) return `Readonly<Record<string, ${type}>>`;
  if (field.repeated) return `readonly ${type}[]`;
  return field.resolvedType instanceof protobuf.Type ? `${type} | null` : type;
}

function spokenType(field: protobuf.Field, inputOf: (message: protobuf.Type) => string): string {
  const type = valueType(field, inputOf);
  if (field.map) return `Readonly<Record<string, ${type}>>`;
  if (field.repeated) return `readonly ${type}[]`;
  return field.resolvedType instanceof protobuf.Type ? `${type} | null` : type;
}

function valueType(field: protobuf.Field, nameOf: (message: protobuf.Type) => string): string {
  if (field.resolvedType instanceof protobuf.Type) return nameOf(field.resolvedType);
  if (field.resolvedType instanceof protobuf.Enum) return tsName(field.resolvedType);
  switch (field.type) {
    case 'string':
      return 'string';
    case 'bool':
      return 'boolean';
    case 'bytes':
      return 'Uint8Array';
    default:
      return 'number';
  }
}

function tsName(item: protobuf.ReflectionObject): string {
  const outer: string[] = [];
  let parent = item.parent;
  for (; parent instanceof protobuf.Type; parent = parent.parent) outer.unshift(parent.name);
  const name = [...outer, item.name].join('');
  const packageName = parent === null ? '' : fullName(parent);
  const prefix = prefixes[packageName];
  if (prefix === undefined) throw new Error(`package ${packageName} has no prefix in scripts/generate/wire.ts`);
  return name.includes(prefix) ? name : prefix + name;
}

function refuseSameNames(items: readonly protobuf.ReflectionObject[]): void {
  const owners = new Map<string, string>();
  for (const item of items) {
    const other = owners.get(tsName(item));
    if (other !== undefined) throw new Error(`${fullName(item)} and ${other} would both be called ${tsName(item)}`);
    owners.set(tsName(item), fullName(item));
  }
}

function fullName(item: protobuf.ReflectionObject): string {
  return item.fullName.slice(1);
}
