import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { describe, expect, test } from 'vitest';
import { loadProto } from '../../scripts/generate/wire.ts';

/** Where Debian's Go source packages lie; a tree unpacked elsewhere can be named instead. */
const gocode = process.env.COMPONENTD_GOCODE ?? '/usr/share/gocode';
const containerdPackage = 'golang-github-containerd-containerd-dev';
const folders = [
  'containerd/api/services',
  'containerd/api/types',
  'containerd/api/events',
  'containerd/runtime/v2/runc/options',
  'containerd/pkg/runtimeoptions/v1',
  'cgroups',
].map((folder) => join(gocode, 'src/github.com/containerd', folder));
const missing = folders.filter((folder) => !existsSync(folder));

/** What Debian 12's containerd 1.6 does not have yet, or has in another package. */
const newer = new Set([
  'containerd.services.diff.v1.ApplyRequest.sync_fs',
  'containerd.services.introspection.v1.ServerResponse.pid',
  'containerd.services.sandbox.v1',
  'containerd.types.Sandbox',
  'grpc.health.v1',
  'io.containerd.cgroups.v2.MemoryStat.max_usage',
  'io.containerd.cgroups.v2.MemoryStat.swap_max_usage',
]);

describe.skipIf(missing.length > 0)(
  `proto/ says what containerd's own files say${missing.length > 0 ? ` (skipped: ${containerdPackage} is not installed)` : ''}`,
  async () => {
    const ours = await loadProto(join(import.meta.dirname, '../../proto'));
    const theirs = missing.length > 0 ? ours : await loadOriginals();
    const items = describeRoot(ours).filter(
      ([name]) =>
        !name.startsWith('google.protobuf.') &&
        ![...newer].some((item) => name === item || name.startsWith(`${item}.`)),
    );
    const originals = new Map(describeRoot(theirs));

    test('and the comparison covers every service', () => {
      expect(items.filter(([, what]) => what.startsWith('rpc ')).length).toBeGreaterThan(50);
    });

    test.each(items)('%s', (name, what) => {
      expect(originals.get(name)).toBe(what);
    });

    test('and what is listed as newer is in proto/', () => {
      const names = describeRoot(ours).map(([name]) => name);
      for (const item of newer) expect(names.some((name) => name === item || name.startsWith(`${item}.`))).toBe(true);
    });
  },
);

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

async function loadOriginals(): Promise<protobuf.Root> {
  const root = new protobuf.Root();
  for (const file of ['any', 'timestamp', 'empty', 'field_mask']) {
    root.addJSON(protobuf.common.get(`google/protobuf/${file}.proto`)?.nested ?? {});
  }
  protobuf.parse('syntax = "proto3"; package google.rpc; message Status {}', root);
  for (const folder of folders) {
    for (const file of await readdir(folder, { recursive: true })) {
      if (file.endsWith('.proto'))
        protobuf.parse(await readFile(join(folder, file), 'utf8'), root, { keepCase: false });
    }
  }
  return root;
}
