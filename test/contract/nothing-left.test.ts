import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { derivedId } from '../../src/base/ids.ts';
import { connectContainerd } from '../../src/containerd/client.ts';
import { createLease, deleteLease } from '../../src/containerd/lease.ts';
import { createNetworks } from '../../src/runtime/network/networks.ts';
import { useAlone } from '../support/alone.ts';
import { drain } from '../support/content.ts';
import { expectNothingLeft, leftovers } from '../support/nothing-left.ts';

useAlone('networks');

test('leases, open ingests, active snapshots and temporary directories count as left, committed snapshots do not', async () => {
  const tempDirectory = await mkdtemp(join(tmpdir(), 'componentd-test-left-'));
  const place = {
    address: inject('containerdAddress'),
    namespace: `left-${randomUUID()}`,
    cgroupPrefix: '/componentd-nobody',
    tempDirectory,
  };
  const containerd = connectContainerd(place);
  const snapshotter = 'overlayfs';
  await expectNothingLeft(place);

  await createLease(containerd, { id: 'l', expiresInSeconds: 60 });
  await containerd.call('Snapshots.Prepare', { snapshotter, key: 'a' }, { lease: 'l' });
  await containerd.call('Snapshots.Commit', { snapshotter, name: 'c', key: 'a' }, { lease: 'l' });
  await containerd.call('Snapshots.Prepare', { snapshotter, key: 'b', parent: 'c' }, { lease: 'l' });
  await containerd.call('Snapshots.View', { snapshotter, key: 'v', parent: 'c' }, { lease: 'l' });
  const writer = containerd.duplex('Content.Write');
  await writer.write({ action: 'WRITE', ref: 'r', data: Buffer.from('x') });
  writer.end();
  await drain(writer.responses);
  await mkdir(join(tempDirectory, 'componentd-x'));

  expect([...(await leftovers(containerd, place))].sort()).toEqual(
    ['lease l', 'ingest r', 'snapshot ACTIVE b', 'snapshot VIEW v', 'temporary directory componentd-x'].sort(),
  );
  await expect(expectNothingLeft(place)).rejects.toThrow(/left behind in namespace left-/);

  await containerd.call('Content.Abort', { ref: 'r' });
  await deleteLease(containerd, 'l', { sync: true });
  await rm(join(tempDirectory, 'componentd-x'), { recursive: true });
  await expectNothingLeft(place);
  await rm(tempDirectory, { recursive: true });
  containerd.close();
});

test('networks of containers count as left', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'componentd-test-left-'));
  const networks = { directory: join(folder, 'network'), subnet: `10.218.${process.pid % 250}.0/24` };
  const place = {
    address: inject('containerdAddress'),
    namespace: `left-${randomUUID()}`,
    cgroupPrefix: '/componentd-nobody',
    tempDirectory: folder,
    networks,
  };
  const plugins = { pluginDirectories: ['/usr/lib/cni', '/opt/cni/bin'] };
  const made = createNetworks({ ...networks, ...plugins, nameServers: [], bridgeAllow: [], noInternetAllow: [] });
  const id = derivedId(folder);
  await made.attach({ id, mode: 'bridge', policy: 'compatible' });
  await expect(expectNothingLeft(place)).rejects.toThrow(/left behind in namespace left-/);
  await made.detach(id);
  await expectNothingLeft(place);
  await rm(folder, { recursive: true });
});
