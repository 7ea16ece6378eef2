import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, inject, test } from 'vitest';
import { type BuiltImage, buildLayout } from '../../../scripts/lib/oci-image.ts';
import { type FakeRegistry, startFakeRegistry } from '../../support/fake-registry.ts';
import { type ImagePlace, openImagePlace } from '../../support/image-place.ts';

const child = fileURLToPath(new URL('../../support/pull-child.ts', import.meta.url));
let place: ImagePlace;
let built: BuiltImage;
let registry: FakeRegistry;
let name: string;

beforeEach(async () => {
  place = await openImagePlace(inject('containerdAddress'));
  const layout = join(place.directory, 'layout');
  const layers = Array.from({ length: 4 }, (_, index) => ({ [`file${index}`]: randomBytes(1_000_000) }));
  built = await buildLayout({ layers, compression: 'none' }, layout);
  registry = await startFakeRegistry(layout);
  name = `${registry.host}/together/x:1`;
});
afterEach(async () => {
  await registry.stop();
  await place.leave();
});

/** How often each layer was fetched. Manifest and config are small, and asked for by everyone as proof that he may have them. */
function fetches(): readonly number[] {
  return built.layers.map(
    ({ digest }) => registry.seen.filter(({ method, path }) => method === 'GET' && path.endsWith(digest)).length,
  );
}

test('ten processes that want one image fetch each layer once', async () => {
  const pullers = Array.from({ length: 10 }, () =>
    spawn(process.execPath, [child, place.client.address, place.client.namespace, name], { stdio: 'inherit' }),
  );
  expect(await Promise.all(pullers.map((puller) => once(puller, 'exit')))).toEqual(Array(10).fill([0, null]));
  expect(fetches()).toEqual([1, 1, 1, 1]);
  expect(await place.snapshots()).toHaveLength(4);
});

test('ten calls in one process do so, too, and unpack each layer once', async () => {
  const images = await Promise.all(Array.from({ length: 10 }, () => place.ensure(name)));
  expect(new Set(images.map(({ digest }) => digest))).toEqual(new Set([built.manifest.digest]));
  expect(fetches()).toEqual([1, 1, 1, 1]);
  expect(place.events.filter((event) => event.type === 'layer' && event.status === 'unpacked')).toHaveLength(4);
});

test('who waits for the pull of another process sees what that one has', async () => {
  const [first] = built.layers;
  const begun = Promise.withResolvers<void>();
  const resume = Promise.withResolvers<void>();
  registry.misbehave = async (_request, response, path) => {
    if (!path.endsWith(first?.digest ?? '')) return false;
    response.writeHead(200, { 'content-length': first?.size });
    response.write(Buffer.alloc(0));
    begun.resolve();
    await resume.promise;
    response.destroy();
    registry.misbehave = () => false;
    return true;
  };
  const puller = spawn(process.execPath, [child, place.client.address, place.client.namespace, name], {
    stdio: 'inherit',
  });
  const ended = once(puller, 'exit');
  await begun.promise;
  const mine = place.ensure(name);
  const waits = () => place.events.filter((event) => event.type === 'layer' && event.status === 'waiting');
  for (const giveUp = Date.now() + 20_000; waits().length === 0 && Date.now() < giveUp; ) await delay(20);
  resume.resolve();
  expect((await mine).digest).toBe(built.manifest.digest);
  expect(await ended).toEqual([0, null]);
  expect(waits()[0]).toMatchObject({ image: name, total: expect.any(Number) });
});
