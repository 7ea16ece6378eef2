import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { type BuiltImage, blobPath, buildImage, buildLayout, type ImageSpec } from '../../../scripts/lib/oci-image.ts';
import { pushImage } from '../../../scripts/lib/push-image.ts';
import { type TarEntry, tarStream } from '../../../scripts/lib/tar-stream.ts';
import { type CollectionSettings, collectionRules } from '../../../src/base/collection-settings.ts';
import { UserError } from '../../../src/base/errors.ts';
import { setImageLabels } from '../../../src/containerd/image-labels.ts';
import { inTurn, leavingLabel, letStay, markLeaving } from '../../../src/image/collection/leaving.ts';
import type { ImageNeed } from '../../../src/image/collection/needs.ts';
import { deleteRecord } from '../../../src/image/collection/remove.ts';
import { createImages } from '../../../src/image/images.ts';
import { lastUsedLabel } from '../../../src/image/last-use.ts';
import { createLocalImages, type LocalImages } from '../../../src/image/local.ts';

import { startFakeRegistry } from '../../support/fake-registry.ts';
import { type ImagePlace, openImagePlace, removeEverything } from '../../support/image-place.ts';

const run = promisify(execFile);
const registry = inject('registryHost');
let place: ImagePlace;
let archive: string;

beforeEach(async () => {
  place = await openImagePlace(inject('containerdAddress'));
  archive = join(place.directory, 'image.tar');
});
afterEach(() => place.leave());

const layers = [{ 'bin/busybox': { file: '/bin/busybox' } }, { 'etc/x': 'y' }] as const;

async function make(name: string, more: Partial<ImageSpec> = {}): Promise<BuiltImage> {
  const built = await buildImage({ layers, ...more, name }, archive);
  await place.images.import({ source: archive }, place.call);
  return built;
}

async function push(name: string, spec: ImageSpec): Promise<void> {
  await buildImage(spec, archive);
  await pushImage(archive, `http://${registry}`, name);
}

async function exported(references: readonly string[], path = join(place.directory, 'out.tar')): Promise<string> {
  await place.images.export({ references, destination: createWriteStream(path) }, place.call);
  return path;
}

/** What another tenant gets out of an archive; it forgets it again. */
async function importedElsewhere(source: string): Promise<Record<string, string>> {
  const other = place.client.withNamespace(`${place.client.namespace}-other`);
  const images = await createImages(other).import({ source }, place.call);
  await removeEverything(other);
  return Object.fromEntries(images.map(({ name, digest }) => [name, digest]));
}

describe('an exported archive', () => {
  test('holds the images under their names and digests, for us and for others, and is the same every time', async () => {
    const a = await make('demo/a:1');
    const b = await make('quay.io/demo/b:2', { layers: [...layers, { z: randomBytes(200_000) }], compression: 'zstd' });
    await place.images.import({ source: archive, name: 'again/b' }, place.call);
    const path = await exported(['demo/a:1', 'quay.io/demo/b:2', 'again/b', 'docker.io/demo/a:1']);
    expect(await importedElsewhere(path)).toEqual({
      'docker.io/demo/a:1': a.manifest.digest,
      'quay.io/demo/b:2': b.manifest.digest,
      'docker.io/again/b:latest': b.manifest.digest,
    });
    const bytes = await readFile(path);
    expect(await readFile(await exported(['demo/a:1', 'quay.io/demo/b:2', 'again/b']))).toEqual(bytes);
    const inspect = async (name: string) => JSON.parse((await run('skopeo', ['inspect', '--config', name])).stdout);
    for (const name of [`oci-archive:${path}:docker.io/demo/a:1`, `docker-archive:${path}:demo/a:1`])
      expect((await inspect(name)).rootfs.diff_ids).toEqual(a.diffIds);
    const { stdout } = await run('skopeo', ['inspect', `oci-archive:${path}:docker.io/again/b:latest`]);
    expect(JSON.parse(stdout).Digest).toBe(b.manifest.digest);
  });

  test('has what runs here of an image for several platforms, under the digest of the whole', async () => {
    const layout = join(place.directory, 'layout');
    const built = await buildLayout({ layers }, layout);
    const entry = (digest: string, architecture: string) => ({
      ...built.manifest,
      digest,
      platform: { os: 'linux', architecture },
    });
    const foreign = `sha256:${'2'.repeat(64)}`;
    const here = process.arch === 'x64' ? 'amd64' : process.arch;
    const mediaType = 'application/vnd.oci.image.index.v1+json';
    const manifests = [entry(foreign, 's390x'), entry(built.manifest.digest, here)];
    const index = JSON.stringify({ schemaVersion: 2, mediaType, manifests });
    const digest = `sha256:${createHash('sha256').update(index).digest('hex')}`;
    const annotations = { 'io.containerd.image.name': 'docker.io/demo/many:1' };
    const top = JSON.stringify({
      schemaVersion: 2,
      manifests: [{ mediaType, digest, size: index.length, annotations }],
    });
    const files: (readonly [string, TarEntry])[] = [
      ['index.json', top],
      [`blobs/${digest.replace(':', '/')}`, index],
      ...[built.manifest, built.config, ...built.layers].map(
        (blob) => [`blobs/${blob.digest.replace(':', '/')}`, { file: blobPath(layout, blob.digest) }] as const,
      ),
    ];
    await pipeline(Readable.from(tarStream(files)), createWriteStream(archive));
    await place.images.import({ source: archive }, place.call);
    const path = await exported(['demo/many:1']);
    expect(await importedElsewhere(path)).toEqual({ 'docker.io/demo/many:1': digest });
    const { stdout } = await run('skopeo', ['inspect', `oci-archive:${path}`]);
    expect(JSON.parse(stdout).Layers).toHaveLength(2);
  });

  test('of an image whose layers never came is completed from its registry, or not made at all', async () => {
    await push('x/first:1', { layers });
    await place.ensure(`${registry}/x/first:1`);
    const layout = join(place.directory, 'layout');
    const built = await buildLayout({ layers, compression: 'none' }, layout);
    const fake = await startFakeRegistry(layout);
    const name = `${fake.host}/x/second:1`;
    await place.ensure(name);
    const isLayer = (path: string): boolean => path.includes('/blobs/') && !path.endsWith(built.config.digest);
    const blobs = (): number => fake.seen.filter(({ path, method }) => isLayer(path) && method === 'GET').length;
    expect(blobs()).toBe(0);
    expect(await place.local.inspect(name)).toMatchObject({
      layers: [{ isPresent: false, unpackedBytes: expect.any(Number) }, { isPresent: false }],
    });
    fake.misbehave = (_request, response) => Boolean(response.writeHead(404).end('{}'));
    const refused = exported([name]);
    await expect(refused).rejects.toThrow('is not complete here');
    await expect(refused).rejects.toBeInstanceOf(UserError);
    fake.misbehave = () => false;
    expect(await importedElsewhere(await exported([name]))).toEqual({ [name]: built.manifest.digest });
    // The one that was refused, too.
    expect(blobs()).toBe(3);
    await fake.stop();
    await exported([name]);
  });

  test('is refused with every name that has no image, and when the store has lost a bit', async () => {
    const built = await make('demo/a:1');
    await expect(exported(['demo/a:1', 'demo/b:1', 'demo/c:1'])).rejects.toThrow(
      'docker.io/demo/b:1, docker.io/demo/c:1',
    );
    const root = join(dirname(place.client.address), 'root', 'io.containerd.content.v1.content');
    const blob = blobPath(root, built.layers[1]?.digest ?? '');
    const bytes = await readFile(blob);
    await writeFile(blob, Buffer.from(bytes).fill(0, 20, 24));
    await expect(exported(['demo/a:1'])).rejects.toThrow('digest says');
    await rm(blob);
  });
});

/** Images of a layer of their own each, used so many hours ago, the first one longest. */
async function makeOld(names: readonly string[], bytes = 300_000): Promise<void> {
  for (const [index, name] of names.entries()) {
    await make(name, { layers: [layers[1], { noise: randomBytes(bytes) }] });
    const hours = names.length - index;
    const lastUsed = new Date(Date.now() - hours * 3_600_000).toISOString();
    await setImageLabels(place.client, `docker.io/${name}`, { [lastUsedLabel]: lastUsed });
  }
}

function local(settings: CollectionSettings, needs: readonly ImageNeed[] = []): LocalImages {
  const rules = { ...collectionRules({ imported: true, ...settings }) };
  return createLocalImages(place.client, { snapshotter: 'overlayfs', rules, findNeeds: async () => needs });
}

const calmly = { signal: new AbortController().signal };

async function names(): Promise<readonly string[]> {
  return (await place.local.list()).images.map(({ name }) => name.replace('docker.io/', ''));
}

describe('a collection', () => {
  test('removes the least recently used down to the floor, but nothing that is needed, pinned, recent or irreplaceable', async () => {
    await makeOld(['old/a:1', 'old/b:1', 'old/c:1', 'old/d:1', 'old/e:1']);
    await make('new/f:1');
    const { diskBytes } = await place.local.list();
    const needs = [{ reference: 'old/b:1', job: 'J' }];
    const careful = local({ pins: ['old/c'], minimumAge: '30m' }, needs);
    expect(await careful.collect(calmly)).toBeUndefined();
    const listed = (await careful.list()).images;
    expect(listed.find(({ name }) => name.endsWith('b:1'))).toMatchObject({ usedBy: ['J'], isPinned: false });
    expect(listed.find(({ name }) => name.endsWith('c:1'))).toMatchObject({ usedBy: [], isPinned: true });

    expect(await local({ imported: false }).collect({ ...calmly, makeBytes: 1 })).toMatchObject({
      removed: [],
      kept: { imported: 5, recent: 1 },
      missingBytes: 1,
    });
    const some = await careful.collect({ ...calmly, makeBytes: 400_000 });
    expect(some?.removed.map(({ name }) => name)).toEqual(['docker.io/old/a:1']);
    expect(some?.freedBytes).toBeGreaterThan(600_000);
    expect(some?.usedBytes).toBe(diskBytes - (some?.freedBytes ?? 0));
    expect((await place.local.list()).diskBytes).toBe(some?.usedBytes);
    const dry = await careful.prune({ kind: 'all' }, { ...calmly, dryRun: true });
    expect(dry.removed.map(({ name }) => name)).toEqual([
      'docker.io/old/d:1',
      'docker.io/old/e:1',
      'docker.io/new/f:1',
    ]);
    expect(await names()).toHaveLength(5);
    const all = await careful.prune({ kind: 'unused', beforeMs: Date.now() - 1_800_000 }, { ...calmly, dryRun: false });
    expect(all).toMatchObject({ kept: { needed: 1, pinned: 1 }, missingBytes: 0 });
    expect(await names()).toEqual(['new/f:1', 'old/b:1', 'old/c:1']);
    expect(await place.snapshots()).toHaveLength(1 + 2 + 2);
  });

  test('keeps within a ceiling, by the bytes on the disk', async () => {
    const snapshots = join(
      dirname(place.client.address),
      'root',
      'io.containerd.snapshotter.v1.overlayfs',
      'snapshots',
    );
    const onDisk = async (): Promise<number> =>
      Number((await run('du', ['-sk', snapshots])).stdout.split('\t')[0]) * 1024;
    const empty = await onDisk();
    await makeOld(['old/a:1', 'old/b:1', 'old/c:1', 'old/d:1'], 1_000_000);
    expect((await onDisk()) - empty).toBeGreaterThan(4_000_000);
    const collected = await local({ ceiling: '6m', floor: '5m' }).collect(calmly);
    expect(collected?.removed.map(({ name }) => name)).toEqual(['docker.io/old/a:1', 'docker.io/old/b:1']);
    expect(collected?.usedBytes).toBeLessThan(5 * 2 ** 20);
    expect((await onDisk()) - empty).toBeLessThan(2_500_000);
    expect(await local({ ceiling: '6m', floor: '5m' }).collect(calmly)).toMatchObject({ removed: [] });
    expect((await local({ minFree: '900000g' }).collect(calmly))?.removed).toHaveLength(2);
  });

  test('makes nobody wait for ever, and takes nothing from who said that he needs it', async () => {
    await make('demo/a:1');
    const name = 'docker.io/demo/a:1';
    const find = () => place.ensure(name, { policy: 'never' });
    // Of a process that died in the middle.
    await markLeaving(place.client, name);
    await find();
    expect((await place.client.call('Images.Get', { name })).image?.labels).not.toHaveProperty(leavingLabel);
    for (const decide of [letStay, (client: ImagePlace['client']) => deleteRecord(client, name, { sync: true })]) {
      const found: string[] = [];
      const looking = await inTurn(place.client, async () => {
        await markLeaving(place.client, name);
        const waiting = find().then(
          () => found.push('found'),
          () => found.push('gone'),
        );
        await new Promise((resolve) => setTimeout(resolve, 100));
        expect(found).toEqual([]);
        await decide(place.client, name);
        return { waiting };
      });
      await looking?.waiting;
      expect(found).toEqual([decide === letStay ? 'found' : 'gone']);
    }
  });

  test('by hand refuses what a job needs, and names the job, unless it is forced', async () => {
    await make('demo/a:1');
    const busy = local({}, [
      { reference: 'demo/a:1', job: 'J1' },
      { reference: 'docker.io/demo/a:1', job: 'J2' },
    ]);
    const refusal = busy.remove('demo/a:1', { force: false, ...calmly });
    await expect(refusal).rejects.toMatchObject({ reason: 'image_needed', data: { jobs: ['J1', 'J2'] } });
    expect((await place.client.call('Images.Get', { name: 'docker.io/demo/a:1' })).image?.labels).not.toHaveProperty(
      leavingLabel,
    );
    expect(await busy.remove('demo/a:1', { force: true, ...calmly })).toBe(true);
    expect(await place.content()).toEqual([]);
  });
});
