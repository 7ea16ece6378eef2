import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import { type Containerd, connectContainerd } from '../../src/containerd/client.ts';
import { type NetworkPlace, networkLeftovers } from './networks.ts';
import { cgroupsBelow, mountsBelow, shimsOf } from './wreckage.ts';

export interface Place {
  /** Socket of a private containerd (its state lies beside it). */
  readonly address: string;
  readonly namespace: string;
  /** Nothing may be below this cgroup path. Runs go on at the same time, so it must be one of this test. */
  readonly cgroupPrefix: string;
  /** No directory of ours may be in here. */
  readonly tempDirectory?: string;
  readonly snapshotter?: string;
  /** Nothing of any network may be there. */
  readonly networks?: NetworkPlace;
}

/**
 * Fails with the list of what is left: containers, tasks, snapshots other than committed ones, leases, open ingests, shims,
 * mounts, cgroups, networks, temporary directories. Images, their content and committed snapshots may stay. Waits up to 3 s for what ends by itself.
 */
export async function expectNothingLeft(place: Place): Promise<void> {
  const containerd = connectContainerd(place);
  try {
    let left = await leftovers(containerd, place);
    for (
      const giveUp = Date.now() + 3_000;
      left.length > 0 && Date.now() < giveUp;
      left = await leftovers(containerd, place)
    )
      await delay(50);
    expect(left, `left behind in namespace ${place.namespace}`).toEqual([]);
  } finally {
    containerd.close();
  }
}

/** One line for each thing; empty when there is nothing. */
export async function leftovers(containerd: Containerd, place: Place): Promise<readonly string[]> {
  const { address, namespace, cgroupPrefix, tempDirectory, snapshotter = 'overlayfs' } = place;
  const { containers } = await containerd.call('Containers.List', {});
  const { tasks } = await containerd.call('Tasks.List', {});
  const { leases } = await containerd.call('Leases.List', {});
  const { statuses } = await containerd.call('Content.ListStatuses', {});
  const snapshots: string[] = [];
  for await (const { info } of containerd.stream('Snapshots.List', { snapshotter })) {
    for (const { name, kind } of info) if (kind !== 'COMMITTED') snapshots.push(`${kind} ${name}`);
  }
  const shims = (await shimsOf(address)).filter((shim) => shim.namespace === namespace);
  const mounts = (await mountsBelow(dirname(address))).filter(
    (point) => point.includes(`/${namespace}/`) || point.includes('/tmpmounts/'),
  );
  const temporary = (tempDirectory === undefined ? [] : await readdir(tempDirectory)).filter(
    (name) => name.startsWith('componentd-') && !name.startsWith('componentd-test-'),
  );
  return [
    ...containers.map(({ id }) => `container ${id}`),
    ...tasks.map(({ id, status }) => `task ${id} (${status})`),
    ...leases.map(({ id }) => `lease ${id}`),
    ...statuses.map(({ ref }) => `ingest ${ref}`),
    ...snapshots.map((snapshot) => `snapshot ${snapshot}`),
    ...shims.map(({ id, pid }) => `shim ${pid} of ${id}`),
    ...mounts.map((point) => `mount ${point}`),
    ...(await cgroupsBelow(cgroupPrefix)).map((path) => `cgroup ${path}`),
    ...(place.networks === undefined ? [] : await networkLeftovers(place.networks)),
    ...temporary.map((name) => `temporary directory ${name}`),
  ];
}
