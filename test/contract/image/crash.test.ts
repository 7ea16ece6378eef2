import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { type BuiltImage, blobPath, buildLayout } from '../../../scripts/lib/oci-image.ts';
import { InfrastructureError } from '../../../src/base/errors.ts';
import type { Containerd } from '../../../src/containerd/client.ts';
import { sweep } from '../../../src/daemon/sweep.ts';
import type { Swept } from '../../../src/daemon/swept.ts';
import { readBlob } from '../../../src/image/content.ts';
import { lowerDirectories } from '../../../src/image/rootfs.ts';
import { createRuntime } from '../../../src/runtime/container.ts';
import { startContainerd } from '../../support/containerd.ts';
import { digestOf } from '../../support/content.ts';
import { type FakeRegistry, startFakeRegistry } from '../../support/fake-registry.ts';
import { collect, type ImagePlace, openImagePlace, removeEverything } from '../../support/image-place.ts';

const child = fileURLToPath(new URL('../../support/pull-child.ts', import.meta.url));
let place: ImagePlace;
let files: readonly Buffer[];
let built: BuiltImage;
let registry: FakeRegistry;
let name: string;

beforeEach(async () => {
  place = await openImagePlace(inject('containerdAddress'));
  const layout = join(place.directory, 'layout');
  files = Array.from({ length: 4 }, () => randomBytes(2_000_000));
  const layers = files.map((content, index) => ({ [`file${index}`]: content }));
  built = await buildLayout({ layers, compression: 'none' }, layout);
  registry = await startFakeRegistry(layout);
  name = `${registry.host}/crash/x:1`;
});
afterEach(async () => {
  await registry.stop();
  await place.leave();
});

/** Pseudo-random numbers in [0, 1), the same in each run: a linear congruential generator. */
function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function startPull(): ChildProcess {
  return spawn(process.execPath, [child, place.client.address, place.client.namespace, name], { stdio: 'inherit' });
}

/** How many leases of dead processes there were. */
async function sweepLeases(): Promise<number> {
  const found: Swept[] = [];
  await sweep({
    client: place.client,
    engine: { runtime: createRuntime(place.client, { snapshotter: 'overlayfs' }), removeCgroup: async () => {} },
    stateDir: place.directory,
    tenant: 'default',
    emptyCgroups: async () => [],
    networks: { unused: async () => [] },
    discard: async () => {},
    revokeTokens: async () => {},
    dryRun: false,
    onFound: (swept) => void found.push(swept),
    onFailed: (_, error) => expect.fail(String(error)),
  });
  return found.length;
}

test('a puller killed at any moment leaves only what a sweep collects, and the next pull succeeds', async () => {
  for (const ms of [5, 20, 40, 60, 90, 130, 200]) {
    const asked = Promise.withResolvers<void>();
    registry.misbehave = () => {
      asked.resolve();
      return false;
    };
    const puller = startPull();
    const ended = once(puller, 'exit');
    // A puller that finds the image of one that was done in time asks nothing.
    await Promise.race([asked.promise, ended]);
    await delay(ms);
    puller.kill('SIGKILL');
    await ended;
  }
  const { images } = await place.client.call('Images.List', {});
  expect(await sweepLeases()).toBeGreaterThan(0);
  expect(await sweepLeases()).toBe(0);
  await collect(place.client);
  if (images.length === 0) expect(await place.content()).toEqual([]);
  const image = await place.ensure(name);
  expect(image.digest).toBe(built.manifest.digest);
  expect(await place.snapshots()).toHaveLength(4);
});

test('a sweep leaves the leases of living processes alone', async () => {
  const gate = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  registry.misbehave = async (_request, _response, path) => {
    if (path.includes('/blobs/')) {
      reached.resolve();
      await gate.promise;
    }
    return false;
  };
  const pulling = place.ensure(name);
  await reached.promise;
  expect(await sweepLeases()).toBe(0);
  gate.resolve();
  expect((await pulling).digest).toBe(built.manifest.digest);
});

test('a download that another process has begun is waited for and not repeated', async () => {
  const blob = built.layers[0]?.digest as string;
  registry.misbehave = async (_request, _response, path) => {
    if (path.includes(blob)) await delay(300);
    return false;
  };
  const puller = startPull();
  const ended = once(puller, 'exit');
  const image = await place.ensure(name);
  expect(await ended).toEqual([0, null]);
  expect(image.digest).toBe(built.manifest.digest);
  expect(registry.seen.filter(({ path, method }) => path.includes(blob) && method === 'GET')).toHaveLength(1);
});

test('a containerd that is killed while pulling is an infrastructure error; with the next one the pull succeeds', async () => {
  const daemon = await startContainerd();
  const there = await openImagePlace(daemon.address);
  try {
    const killed = Promise.withResolvers<void>();
    registry.misbehave = async (_request, _response, path) => {
      if (path.includes(built.layers[3]?.digest ?? '')) killed.resolve(daemon.kill());
      return false;
    };
    const failing = expect(there.ensure(name)).rejects.toThrow(InfrastructureError);
    await killed.promise;
    await failing;
    registry.misbehave = () => false;
    await daemon.start();
    expect((await there.ensure(name)).digest).toBe(built.manifest.digest);
    for (const { id } of (await there.client.call('Leases.List', {})).leases) {
      await there.client.call('Leases.Delete', { id, sync: true });
    }
    await there.leave();
  } finally {
    await daemon.stop();
  }
});

test('what a killed puller has fetched of a layer is not fetched again', async () => {
  const [first] = built.layers;
  const half = Math.floor((first?.size ?? 0) / 2);
  registry.misbehave = async (request, response, path) => {
    if (!path.endsWith(first?.digest ?? '') || request.method !== 'GET') return false;
    response.writeHead(200, { 'content-length': first?.size });
    response.write((await readFile(blobPath(join(place.directory, 'layout'), first?.digest ?? ''))).subarray(0, half));
    return true;
  };
  const puller = startPull();
  const ended = once(puller, 'exit');
  const partial = async (): Promise<number> =>
    Math.max(0, ...(await place.client.call('Content.ListStatuses', {})).statuses.map(({ offset }) => offset));
  while ((await partial()) < half / 2) await delay(20);
  puller.kill('SIGKILL');
  await ended;
  registry.misbehave = () => false;
  await place.ensure(name);
  const asked = registry.seen.findLast(({ path }) => path.endsWith(first?.digest ?? ''));
  expect(Number(/^bytes=(\d+)-$/.exec(asked?.range ?? '')?.[1])).toBeGreaterThanOrEqual(half / 2);
  expect(await sweepLeases()).toBe(1);
});

test('what a power cut may have emptied is unpacked again, without the registry', async () => {
  const image = await place.ensure(name);
  const labelled = async (): Promise<number> => {
    let count = 0;
    for await (const { info } of place.client.stream('Snapshots.List', { snapshotter: 'overlayfs' })) {
      count += info.filter(({ labels }) => labels['componentd.unsynced'] !== undefined).length;
    }
    return count;
  };
  expect(await labelled()).toBe(0);
  // As if all but the lowest layer had been unpacked just before it, and something of another image on the topmost.
  const names = await place.snapshots();
  const other = { snapshotter: 'overlayfs', key: 'extract-other', parent: image.chainId };
  await place.client.call('Snapshots.Prepare', { ...other, labels: { 'containerd.io/gc.root': 'x' } });
  for (const snapshot of names.filter((id) => id !== built.diffIds[0])) {
    const info = { name: snapshot, labels: { 'componentd.unsynced': '00000000-0000-4000-8000-000000000000' } };
    const updateMask = { paths: ['labels.componentd.unsynced'] };
    await place.client.call('Snapshots.Update', { snapshotter: 'overlayfs', info, updateMask });
  }
  place.events.length = 0;
  registry.seen.length = 0;
  expect(await place.ensure(name, { policy: 'never' })).toEqual(image);
  const told = place.events.flatMap((event) => (event.type === 'layer' ? [event.status] : []));
  expect(told.filter((status) => status === 'unpacked')).toHaveLength(3);
  expect(registry.seen).toEqual([]);
  expect(await place.snapshots()).toEqual(names);
  expect(await labelled()).toBe(0);
});

/** Five are enough for every run; `COMPONENTD_TEST_KILLS=50` for the whole of it. */
const kills = Number(process.env.COMPONENTD_TEST_KILLS ?? 5);

test(
  `${kills} kills of the puller and of containerd spoil nothing`,
  async () => {
    const daemon = await startContainerd();
    const there = await openImagePlace(daemon.address);
    const random = numbersFrom(7);
    const expected = [built.manifest, built.config, ...built.layers].map(({ digest }) => digest).sort();
    // Slow enough to be caught in the middle.
    registry.misbehave = async (_request, _response, path) => {
      if (path.includes('/blobs/')) await delay(random() * 40);
      return false;
    };
    try {
      for (let kill = 0; kill < kills; kill += 1) {
        const puller = spawn(process.execPath, [child, daemon.address, there.client.namespace, name], {
          stdio: 'ignore',
        });
        const ended = once(puller, 'exit');
        const before = registry.seen.length;
        while (registry.seen.length === before && puller.exitCode === null) await delay(2);
        await delay(random() * 250);
        if (kill % 2 === 0) puller.kill('SIGKILL');
        else {
          await daemon.kill();
          await daemon.start();
        }
        await ended;
        if (kill % 5 < 4) continue;
        // Every fifth time it may end, and everything is gone before the next.
        expect((await there.ensure(name)).digest).toBe(built.manifest.digest);
        expect(await there.content()).toEqual(expected);
        await expectWhole(there.client);
        await expectTree(there.client, (await there.ensure(name)).chainId);
        for (const { id } of (await there.client.call('Leases.List', {})).leases)
          await there.client.call('Leases.Delete', { id, sync: true });
        await removeEverything(there.client);
        expect([...(await there.content()), ...(await there.snapshots())]).toEqual([]);
      }
      await there.leave();
    } finally {
      await daemon.stop();
    }
  },
  60_000 + kills * 6_000,
);

async function expectWhole(client: Containerd): Promise<void> {
  for (const { digest, size } of [built.manifest, built.config, ...built.layers]) {
    const bytes = await readBlob(client, digest, size);
    expect(digestOf(bytes ?? Buffer.alloc(0))).toBe(digest);
  }
}

/** The unpacked files have the bytes that were built. */
async function expectTree(client: Containerd, chainId: string): Promise<void> {
  const { mounts } = await client.call('Snapshots.View', { snapshotter: 'overlayfs', key: 'look', parent: chainId });
  const folders = lowerDirectories(mounts) ?? [];
  for (const [index, folder] of folders.toReversed().entries()) {
    expect((await readFile(join(folder, `file${index}`))).equals(files[index] as Buffer)).toBe(true);
  }
  await client.call('Snapshots.Remove', { snapshotter: 'overlayfs', key: 'look' });
}
