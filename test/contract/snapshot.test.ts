import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { connectContainerd } from '../../src/containerd/client.ts';
import { prepareSnapshot } from '../../src/containerd/snapshot.ts';
import { startContainerd } from '../support/containerd.ts';

test('a directory that a killed containerd left where the next snapshot belongs is tidied away', async () => {
  await using daemon = await startContainerd();
  const client = connectContainerd({ address: daemon.address, namespace: 'tidy' });
  const snapshotter = 'overlayfs';
  const labels = { 'containerd.io/gc.root': 'test' };
  await prepareSnapshot(client, { snapshotter, key: 'first', labels });
  const folder = join(daemon.directory, 'root/io.containerd.snapshotter.v1.overlayfs/snapshots');
  const [number] = (await readdir(folder)).map(Number);
  await mkdir(join(folder, `${(number ?? 0) + 1}`, 'fs'), { recursive: true });
  await expect(client.call('Snapshots.Prepare', { snapshotter, key: 'blocked' })).rejects.toMatchObject({
    code: 'UNKNOWN',
  });
  const { mounts } = await prepareSnapshot(client, { snapshotter, key: 'second', labels });
  expect(mounts).toHaveLength(1);
  await expect(prepareSnapshot(client, { snapshotter, key: 'third', parent: 'nobody' })).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
  for (const key of ['first', 'second']) await client.call('Snapshots.Remove', { snapshotter, key });
  client.close();
});
