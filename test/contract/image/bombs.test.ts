import { createHash } from 'node:crypto';
import { lstat, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { Header } from 'tar';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type ImageLimitSettings, imageLimitsOf } from '../../../src/base/image-limits.ts';
import type { Containerd } from '../../../src/containerd/client.ts';
import { createImages } from '../../../src/image/images.ts';
import { type FakeRegistry, startFakeRegistry } from '../../support/fake-registry.ts';
import { type ImagePlace, openImagePlace } from '../../support/image-place.ts';
import { leftovers } from '../../support/nothing-left.ts';
import { digestOf, imageWith, serveImage, types } from '../../support/tricks.ts';

/** Small layers that become large ones. */
let place: ImagePlace;
let registry: FakeRegistry;
let snapshots: string;
/** What images of other tests take on this containerd, in bytes. */
let before: number;

beforeAll(async () => {
  place = await openImagePlace(inject('containerdAddress'));
  registry = await startFakeRegistry(place.directory);
  snapshots = join(inject('containerdDirectory'), 'root/io.containerd.snapshotter.v1.overlayfs/snapshots');
  await mkdir(snapshots, { recursive: true });
  before = await diskUsage(snapshots);
});
afterAll(async () => {
  await registry.stop();
  await place.leave();
});

const mebibyte = 2 ** 20;

function header(path: string, size: number, type: 'File' | 'ExtendedHeader' = 'File'): Buffer {
  const block = Buffer.alloc(512);
  new Header({ path, size, type, mode: 0o644, uid: 0, gid: 0, mtime: new Date(0) }).encode(block);
  return block;
}

type Compress = (bytes: Buffer) => Buffer;

interface Layer {
  readonly blob: Buffer;
  readonly diffId: string;
}

const piece = Buffer.alloc(16 * mebibyte);

/** A file of zeros: what is compressed once is repeated, as both formats allow. Only of those that are to be unpacked is it known to what. */
function zeros(mebibytes: number, compress: Compress, isKnown = false): Layer {
  const first = header(`zeros-${mebibytes}`, mebibytes * mebibyte);
  const compressed = compress(piece);
  const count = mebibytes / 16;
  const hash = createHash('sha256').update(first);
  for (let index = 0; isKnown && index < count; index += 1) hash.update(piece);
  const blob = Buffer.concat([compress(first), ...Array<Buffer>(count).fill(compressed)]);
  return { blob, diffId: `sha256:${hash.digest('hex')}` };
}

/** A file of which an archive holds nothing but its size (PAX, GNU's format 0.1). */
function sparse(mebibytes: number): Layer {
  const record = (text: string): string => {
    const length = text.length + 2 + String(text.length + 4).length;
    return `${length} ${text}\n`;
  };
  const size = mebibytes * mebibyte;
  const records = [`size=${size}`, 'numblocks=1', 'map=0,512', 'name=sparse'].map((text) =>
    record(`GNU.sparse.${text}`),
  );
  const body = Buffer.alloc(512);
  const length = body.write(records.join(''));
  const rest = [header('sparse', 512), Buffer.alloc(512, 1), Buffer.alloc(1024)];
  const blob = Buffer.concat([header('pax', length, 'ExtendedHeader'), body, ...rest]);
  return { blob, diffId: digestOf(blob) };
}

function files(count: number): Layer {
  const tar = Buffer.concat(Array.from({ length: count }, (_, index) => header(`d${index % 10}/${index}`, 0)));
  return { blob: zstdCompressSync(tar), diffId: digestOf(tar) };
}

const gzip: Compress = (bytes) => gzipSync(bytes, { level: 1 });
const zstd: Compress = (bytes) => zstdCompressSync(bytes);
/** The limit that is met, and what makes the layers from the bottom up. */
const bombs: readonly (readonly [string, ImageLimitSettings, string, () => readonly Layer[]])[] = [
  ['gzip', { layerSize: '64m' }, '+gzip', () => [zeros(4096, gzip)]],
  ['zstd', { layerSize: '64m' }, '+zstd', () => [zeros(4096, zstd)]],
  ['a sparse file', { layerSize: '64m' }, '', () => [sparse(1024 * 1024)]],
  [
    'layers just within the limit',
    { layerSize: '64m', imageSize: '128m' },
    '+zstd',
    () => [zeros(48, zstd, true), zeros(32, zstd, true), zeros(64, zstd, true)],
  ],
  ['empty files', { layerFiles: 200 }, '+zstd', () => [files(20_000)]],
  ['empty files in many layers', { imageFiles: 200 }, '+zstd', () => [files(120), files(110)]],
];

test.each(bombs)('%s: stopped on the way, and the space is back', async (_what, settings, suffix, make) => {
  const layers = make();
  const served = await imageWith({
    tars: layers.map(({ blob }) => blob),
    diffIds: layers.map(({ diffId }) => diffId),
    layer: (descriptor) => ({ ...descriptor, mediaType: `${types.layer}${suffix}` }),
  });
  registry.misbehave = (request, response) => {
    serveImage(served, request, response);
    return true;
  };
  const most = { bytes: 0, files: 0 };
  const images = createImages(beforeRemoval(place.client, most), { limits: imageLimitsOf(settings) });
  const reference = `${registry.host}/bomb/x:${registry.seen.length}`;
  const bomb = images.ensure({ reference, policy: 'missing' }, place.call);
  await expect(bomb).rejects.toMatchObject({
    class: 'user',
    reason: 'quota',
    message: expect.stringContaining(reference),
  });
  // A busy machine looks late; how late on a quiet one is measured elsewhere.
  expect(most.bytes).toBeLessThan(256 * mebibyte);
  expect(most.files).toBeLessThan(10_000);
  expect(place.events.filter(({ type }) => type === 'release-failed')).toEqual([]);
  const { address, namespace } = place.client;
  expect(await leftovers(place.client, { address, namespace, cgroupPrefix: '/componentd-none' })).toEqual([]);
  expect([...(await place.content()), ...(await place.snapshots())]).toEqual([]);
  await expect.poll(() => diskUsage(snapshots), { timeout: 30_000 }).toBeLessThan(before + mebibyte);
});

/** Notes what a snapshot takes before it is removed. */
function beforeRemoval(client: Containerd, most: { bytes: number; files: number }): Containerd {
  const call: Containerd['call'] = async (method, request, options) => {
    if (method === 'Snapshots.Remove') {
      const { size, inodes } = await client.call('Snapshots.Usage', request as { snapshotter: string; key: string });
      most.bytes = Math.max(most.bytes, size);
      most.files = Math.max(most.files, inodes);
    }
    return client.call(method, request, options);
  };
  const { address, namespace } = client;
  return {
    address,
    namespace,
    call,
    stream: client.stream.bind(client),
    duplex: client.duplex.bind(client),
    withNamespace: client.withNamespace.bind(client),
    close: () => {},
  };
}

async function diskUsage(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = await Promise.all(
    entries.map((entry) =>
      lstat(join(folder, entry)).then(
        ({ blocks }) => blocks * 512,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
