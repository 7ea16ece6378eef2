import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { connectContainerd } from '../../src/containerd/client.ts';
import { prepareSnapshot } from '../../src/containerd/snapshot.ts';
import { startContainerd } from '../support/containerd.ts';

test('a directory that a killed containerd left where the next snapshot belongs is in nobody’s way', async () => {
  await using daemon = await startContainerd();
  const client = connectContainerd({ address: daemon.address, namespace: 'tidy' });
  const snapshotter = 'overlayfs';
  const labels = { 'containerd.io/gc.root': 'test' };
  await prepareSnapshot(client, { snapshotter, key: 'first', labels });
  const folder = join(daemon.directory, 'root/io.containerd.snapshotter.v1.overlayfs/snapshots');
  const [number] = (await readdir(folder)).map(Number);
  await mkdir(join(folder, `${(number ?? 0) + 1}`, 'fs'), { recursive: true });
  const { mounts } = await prepareSnapshot(client, { snapshotter, key: 'second', labels });
  expect(mounts).toHaveLength(1);
  await expect(prepareSnapshot(client, { snapshotter, key: 'third', parent: 'nobody' })).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });

  const next = Math.max(...(await readdir(folder)).map(Number)) + 1;
  for (const left of [next, next + 2]) await mkdir(join(folder, `${left}`, 'fs'), { recursive: true });
  const keys = Array.from({ length: 6 }, (_, n) => `later ${n}`);
  for (const key of keys) await prepareSnapshot(client, { snapshotter, key, labels });
  expect(await readdir(folder)).toHaveLength(2 + keys.length);
  for (const key of ['first', 'second', ...keys]) await client.call('Snapshots.Remove', { snapshotter, key });
  client.close();
});
