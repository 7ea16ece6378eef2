import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { type BuiltImage, buildLayout } from '../../../scripts/lib/oci-image.ts';
import { InfrastructureError } from '../../../src/base/errors.ts';
import { sweep } from '../../../src/daemon/sweep.ts';
import type { Swept } from '../../../src/daemon/swept.ts';
import { createRuntime } from '../../../src/runtime/container.ts';
import { startContainerd } from '../../support/containerd.ts';
import { type FakeRegistry, startFakeRegistry } from '../../support/fake-registry.ts';
import { collect, type ImagePlace, openImagePlace } from '../../support/image-place.ts';

const child = fileURLToPath(new URL('../../support/pull-child.ts', import.meta.url));
let place: ImagePlace;
let built: BuiltImage;
let registry: FakeRegistry;
let name: string;

beforeEach(async () => {
  place = await openImagePlace(inject('containerdAddress'));
  const layout = join(place.directory, 'layout');
  const layers = Array.from({ length: 4 }, (_, index) => ({ [`file${index}`]: randomBytes(2_000_000) }));
  built = await buildLayout({ layers, compression: 'none' }, layout);
  registry = await startFakeRegistry(layout);
  name = `${registry.host}/crash/x:1`;
});
afterEach(async () => {
  await registry.stop();
  await place.leave();
});

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
