import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { describe, expect, test } from 'vitest';
import { loadProto } from '../../scripts/generate/wire.ts';
import { findRelease, isEverythingRequired, type ReleaseName, releaseNames } from '../support/releases.ts';

/** Where containerd's own files lie, of those that a line has: they moved. */
const folders = [
  'containerd/api/services',
  'containerd/api/types',
  'containerd/api/events',
  'containerd/runtime/v2/runc/options',
  'containerd/pkg/runtimeoptions/v1',
  'cgroups',
];

/** What a line does not have yet, or has from somewhere else. */
const newer: Readonly<Record<ReleaseName, readonly string[]>> = {
  '1.6': [
    'containerd.services.diff.v1.ApplyRequest.sync_fs',
    'containerd.services.introspection.v1.ServerResponse.pid',
    'containerd.services.sandbox.v1',
    'containerd.services.transfer.v1',
    'containerd.types.Sandbox',
    'containerd.types.transfer',
    'grpc.health.v1',
    'io.containerd.cgroups.v2.MemoryStat.max_usage',
    'io.containerd.cgroups.v2.MemoryStat.swap_max_usage',
  ],
  '1.7': [
    'containerd.types.transfer.RegistryResolver.default_scheme',
    'containerd.types.transfer.RegistryResolver.host_dir',
    'grpc.health.v1',
  ],
  '2': ['grpc.health.v1'],
};

const ours = await loadProto(join(import.meta.dirname, '../../proto'), join(import.meta.dirname, '../bench/proto'));

describe.each(releaseNames)('proto/ says what the own files of containerd %s say', async (release) => {
  const gocode = findRelease(release)?.gocode;
  const present = folders
    .map((folder) => join(gocode ?? '', 'src/github.com/containerd', folder))
    .filter((folder) => gocode !== undefined && existsSync(folder));
  const isMissing = present.length < 4;
  test.skipIf(isMissing && !isEverythingRequired)(
    `and they are here${isMissing ? ' (skipped: scripts/setup test brings them)' : ''}`,
    () => expect(isMissing).toBe(false),
  );
  if (isMissing) return;
  const theirs = await loadOriginals(present);
  const items = describeRoot(ours).filter(
    ([name]) =>
      !name.startsWith('google.protobuf.') &&
      !newer[release].some((item) => name === item || name.startsWith(`${item}.`)),
  );
  const originals = new Map(describeRoot(theirs).map(([name, what]) => [asBefore(name), asBefore(what)]));

  test('and the comparison covers every service', () => {
    expect(items.filter(([, what]) => what.startsWith('rpc ')).length).toBeGreaterThan(50);
  });

  test.each(items)('%s', (name, what) => {
    expect(originals.get(name)).toBe(what);
  });

  test.each(newer[release])('and %s is in proto/ only', (item) => {
    const has = (names: readonly string[]): boolean =>
      names.some((name) => name === item || name.startsWith(`${item}.`));
    expect([has(describeRoot(ours).map(([name]) => name)), has([...originals.keys()])]).toEqual([true, false]);
  });
});

/** The one message that 2.x moved to another package. Its fields are the same, and nobody sends its name. */
function asBefore(text: string): string {
  return text.replaceAll('containerd.types.Envelope', 'containerd.services.events.v1.Envelope');
}

/** One entry for each field, enum value and method: its full name, and what it is. */
function describeRoot(root: protobuf.Root): [name: string, what: string][] {
  const found: [string, string][] = [];
  const visit = (namespace: protobuf.NamespaceBase): void => {
    for (const item of namespace.nestedArray) {
      const name = item.fullName.slice(1);
      if (item instanceof protobuf.Enum) {
        for (const [value, number] of Object.entries(item.values)) found.push([`${name}.${value}`, `${number}`]);
      } else if (item instanceof protobuf.Service) {
        for (const method of item.methodsArray) found.push([`${name}.${method.name}`, describeMethod(method)]);
      } else if (item instanceof protobuf.Namespace) {
        if (item instanceof protobuf.Type)
          for (const field of item.fieldsArray) found.push([`${name}.${snake(field.name)}`, describeField(field)]);
        visit(item);
      }
    }
  };
  visit(root);
  return found;
}

function describeField(field: protobuf.Field): string {
  const { resolvedType } = field.resolve();
  const key = field instanceof protobuf.MapField ? `map ${field.keyType} to ` : field.repeated ? 'repeated ' : '';
  return `${key}${resolvedType === null ? field.type : resolvedType.fullName} = ${field.id}`;
}

function describeMethod(method: protobuf.Method): string {
  const { resolvedRequestType, resolvedResponseType } = method.resolve() as protobuf.Method;
  const stream = (yes: boolean | undefined): string => (yes ? 'stream ' : '');
  return `rpc ${stream(method.requestStream)}${resolvedRequestType?.fullName} returns ${stream(method.responseStream)}${resolvedResponseType?.fullName}`;
}

/** containerd writes `mediaType` in one place and `media_type` in another; both are the same field to us. */
function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

async function loadOriginals(present: readonly string[]): Promise<protobuf.Root> {
  const root = new protobuf.Root();
  for (const file of ['any', 'timestamp', 'empty', 'field_mask']) {
    root.addJSON(protobuf.common.get(`google/protobuf/${file}.proto`)?.nested ?? {});
  }
  protobuf.parse('syntax = "proto3"; package google.rpc; message Status {}', root);
  for (const folder of present) {
    for (const file of await readdir(folder, { recursive: true })) {
      if (file.endsWith('.proto'))
        protobuf.parse(await readFile(join(folder, file), 'utf8'), root, { keepCase: false });
    }
  }
  return root;
}
