import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectContainerd } from '../../../src/containerd/client.ts';
import { createRuntime } from '../../../src/runtime/container.ts';
import { startContainerd } from '../../support/containerd.ts';
import { shimsOf } from '../../support/wreckage.ts';
import { openBox, runToEnd } from './box.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'componentd-test-shim-'));
  const shim = execFileSync('sh', ['-c', 'command -v containerd-shim-runc-v2'], { encoding: 'utf8' }).trim();
  await symlink(shim, join(folder, 'containerd-shim-ours-v2'));
});
afterAll(() => rm(folder, { recursive: true }));

it('runs containers under any shim that containerd finds by its name', async () => {
  const path = [folder, process.env.PATH].join(delimiter);
  await using containerd = await startContainerd(path);
  const box = await openBox(containerd);
  const client = connectContainerd({ address: containerd.address, namespace: box.client.namespace });
  const runtime = createRuntime(client, {
    snapshotter: 'overlayfs',
    runtime: { name: 'ours', shim: 'io.containerd.ours.v2' },
    searchPath: path,
  });
  const request = await box.script('echo here; exit 4');
  expect(await runToEnd({ ...box, runtime }, request)).toEqual({ code: 4, stdout: 'here\n', stderr: '' });
  const running = await runtime.create(await box.script('sleep 1000'));
  const { container } = await client.call('Containers.Get', { id: running.id });
  expect(container?.runtime?.name).toBe('io.containerd.ours.v2');
  expect(await shimsOf(containerd.address)).toHaveLength(1);
  await running.start();
  await running.remove();
  client.close();
  await box.close();
});
