import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { messageOfAny } from '../../../src/containerd/any.ts';
import { findRuntime } from '../../../src/runtime/oci-runtime.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'componentd-runtime-'));
  for (const name of ['ours', 'containerd-shim-special-v3', 'data']) await writeFile(join(folder, name), '#!/bin/sh\n');
  for (const name of ['ours', 'containerd-shim-special-v3']) await chmod(join(folder, name), 0o755);
  await mkdir(join(folder, 'directory'));
});
afterAll(() => rm(folder, { recursive: true }));

it('tells the absolute path of the binary, and where it keeps its state', async () => {
  const { name, options } = await findRuntime({ name: 'ours', root: '/run/x' }, `relative::${folder}`);
  expect(name).toBe('io.containerd.runc.v2');
  expect(messageOfAny(options, 'containerd.runc.v1.Options')).toMatchObject({
    binaryName: join(folder, 'ours'),
    root: '/run/x',
  });
  const byPath = await findRuntime({ name: 'a', binary: join(folder, 'ours') });
  expect(messageOfAny(byPath.options, 'containerd.runc.v1.Options').binaryName).toBe(join(folder, 'ours'));
});

it('takes another shim by containerd’s name for it, with its configuration', async () => {
  const runtime = { name: 'special', shim: 'io.containerd.special.v3', configPath: '/etc/special' };
  const { name, options } = await findRuntime(runtime, folder);
  expect(name).toBe('io.containerd.special.v3');
  expect(messageOfAny(options, 'runtimeoptions.v1.Options')).toEqual({
    typeUrl: 'io.containerd.special.v3.options',
    configPath: '/etc/special',
  });
});

it.each([
  ['is nowhere', { name: 'nope' }, 'nope'],
  ['is no file', { name: 'directory' }, 'directory'],
  ['may not be executed', { name: 'data' }, 'data'],
  ['is not at its path', { name: 'x', binary: '/no/such/x' }, '/no/such/x'],
  ['is a shim that is nowhere', { name: 'y', shim: 'io.containerd.y.v2' }, 'containerd-shim-y-v2'],
])('names what it looked for when that %s', async (_, runtime, binary) => {
  await expect(findRuntime(runtime, folder)).rejects.toMatchObject({
    class: 'infrastructure',
    reason: 'runtime_missing',
    message: expect.stringContaining(binary),
    hint: expect.stringMatching(/[Ii]nstall/),
  });
});
