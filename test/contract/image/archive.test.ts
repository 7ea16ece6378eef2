import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createGzip, createZstdCompress, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { type BuiltImage, blobPath, buildImage, buildLayout } from '../../../scripts/lib/oci-image.ts';
import { type TarEntry, tarStream } from '../../../scripts/lib/tar-stream.ts';
import { UserError } from '../../../src/base/errors.ts';
import type { ReadyImage } from '../../../src/image/types.ts';
import { collect, type ImagePlace, openImagePlace } from '../../support/image-place.ts';

const run = promisify(execFile);
let place: ImagePlace;
let archive: string;

beforeEach(async () => {
  place = await openImagePlace(inject('containerdAddress'));
  archive = join(place.directory, 'image.tar');
});
afterEach(() => place.leave());

const layers = [
  { 'bin/busybox': { file: '/bin/busybox' }, 'bin/sh': { symlink: 'busybox' } },
  { 'etc/x': 'y' },
] as const;

async function importImage(source: string | Readable = archive, name?: string): Promise<readonly ReadyImage[]> {
  return place.images.import({ source, ...(name !== undefined && { name }) }, place.call);
}

async function writeTar(entries: readonly (readonly [string, TarEntry])[], path = archive): Promise<string> {
  await pipeline(Readable.from(tarStream(entries)), createWriteStream(path));
  return path;
}

/** The names and files of a layout's blobs, as entries of an archive. */
function blobsOf(layout: string, built: BuiltImage): (readonly [string, TarEntry])[] {
  const digests = [...built.layers, built.config, built.manifest].map(({ digest }) => digest);
  return digests.map((digest) => [`blobs/${digest.replace(':', '/')}`, { file: blobPath(layout, digest) }] as const);
}

describe('an OCI layout archive', () => {
  test('is imported from a file and from a stream, plain and compressed, to the same image', async () => {
    const built = await buildImage({ layers, config: { Cmd: ['sh'] }, name: 'demo/x:1' }, archive);
    const [plain] = await importImage();
    expect(plain).toMatchObject({ name: 'docker.io/demo/x:1', digest: built.manifest.digest, config: { cmd: ['sh'] } });
    expect(await importImage(createReadStream(archive))).toEqual([plain]);
    expect(await importImage(createReadStream(archive).pipe(createGzip()))).toEqual([plain]);
    expect(await importImage(createReadStream(archive, { highWaterMark: 1 + 511 }).pipe(createZstdCompress()))).toEqual(
      [plain],
    );
    await collect(place.client);
    expect(await place.content()).toHaveLength(4);
    expect(await place.ensure('demo/x:1', { policy: 'never' })).toEqual(plain);
  });

  test('takes the name that is given, and needs one when it has none', async () => {
    await buildImage({ layers }, archive);
    await expect(importImage()).rejects.toMatchObject({ class: 'user', hint: expect.stringContaining('--name') });
    await buildImage({ layers, name: 'latest' }, archive);
    await expect(importImage()).rejects.toThrow('without a name');
    expect((await importImage(archive, 'given/name')).map(({ name }) => name)).toEqual(['docker.io/given/name:latest']);
    await expect(importImage(archive, 'Not A Name')).rejects.toThrow(UserError);
  });

  test('of skopeo is imported', async () => {
    const layout = join(place.directory, 'layout');
    const built = await buildLayout({ layers, name: 'x' }, layout);
    await run('skopeo', ['copy', `oci:${layout}:x`, `oci-archive:${archive}:quay.io/a/b:3`]);
    expect(await importImage()).toMatchObject([{ name: 'quay.io/a/b:3', digest: built.manifest.digest }]);
  });

  test('leaves what no image refers to as garbage', async () => {
    const layout = join(place.directory, 'layout');
    const built = await buildLayout({ layers, name: 'a/b:1' }, layout);
    const index: [string, TarEntry] = ['./index.json', await readFile(join(layout, 'index.json'))];
    await writeTar([['stray', randomBytes(5000)], ...blobsOf(layout, built), ['./oci-layout', '{}'], index]);
    await importImage();
    await collect(place.client);
    expect(await place.content()).toHaveLength(4);
  });

  test('that lacks a layer, lies about a digest, or is cut off is refused, and leaves nothing', async () => {
    const layout = join(place.directory, 'layout');
    const built = await buildLayout({ layers: [{ r: randomBytes(3000) }], name: 'a/b:1' }, layout);
    const index: [string, TarEntry] = ['index.json', await readFile(join(layout, 'index.json'))];
    const blobs = blobsOf(layout, built);
    await writeTar([...blobs.slice(1), index]);
    await expect(importImage()).rejects.toThrow('is missing');
    await writeTar([[blobs[0]?.[0] as string, 'something else'], ...blobs.slice(1), index]);
    await expect(importImage()).rejects.toThrow('digest');
    await writeTar([...blobs, index]);
    const whole = await readFile(archive);
    await expect(importImage(Readable.from([whole.subarray(0, 2000)]))).rejects.toThrow(UserError);
    await expect(importImage(Readable.from([gzipSync(whole).subarray(0, 500)]))).rejects.toThrow(UserError);
    await collect(place.client);
    expect(await place.content()).toEqual([]);
  });
});

describe('a Docker archive', () => {
  test('of skopeo, with linked layers, is imported under its names', async () => {
    const layout = join(place.directory, 'layout');
    const built = await buildLayout(
      { layers: [...layers, layers[1]], config: { Entrypoint: ['/bin/sh'] }, name: 'x' },
      layout,
    );
    await run('skopeo', [
      'copy',
      `oci:${layout}:x`,
      `docker-archive:${archive}:demo/d:2`,
      '--additional-tag',
      'demo/d:two',
    ]);
    const images = await importImage();
    expect(images.map(({ name }) => name).sort()).toEqual(['docker.io/demo/d:2', 'docker.io/demo/d:two']);
    const [image] = images;
    expect(image).toMatchObject({ config: { entrypoint: ['/bin/sh'] } });
    const [same] = await place.images.import({ source: await packed(layout, built), name: 'same/x' }, place.call);
    expect(same?.chainId).toBe(image?.chainId);
  });

  test('that is cut off anywhere is refused by its name, from a file and from a stream', async () => {
    const noise = randomBytes(400_000).toString('base64');
    const built = await buildImage({ layers: [{ 'etc/noise': noise }], config: {}, name: 'demo/oci:1' }, archive);
    const source = join(place.directory, 'docker.tar');
    await run('skopeo', ['copy', `oci-archive:${archive}:demo/oci:1`, `docker-archive:${source}:demo/cut:1`]);
    expect(built.layers).toHaveLength(1);
    const whole = await readFile(source);
    for (const part of [0, 0.001, 0.1, 0.5, 0.9]) {
      const bytes = whole.subarray(0, Math.floor(whole.length * part));
      const cut = join(place.directory, 'cut.tar');
      await writeFile(cut, bytes);
      const refused = { class: 'user', message: expect.stringContaining(cut) };
      await expect(importImage(cut, 'demo/cut:1'), `${part}`).rejects.toMatchObject(refused);
      await expect(importImage(Readable.from([bytes]), 'demo/cut:1')).rejects.toBeInstanceOf(UserError);
    }
  });

  async function packed(layout: string, built: BuiltImage): Promise<string> {
    const index: [string, TarEntry] = ['index.json', await readFile(join(layout, 'index.json'))];
    return writeTar([...blobsOf(layout, built), index], join(place.directory, 'oci.tar'));
  }

  test.each(['none', 'gzip', 'zstd'] as const)(
    'of the old kind, its manifest first or last, is imported with %s layers',
    async (compression) => {
      const layout = join(place.directory, 'layout');
      const built = await buildLayout({ layers: [...layers, layers[1]], compression }, layout);
      const [first, second] = ['a', 'b'].map((digit) => digit.repeat(64)) as [string, string];
      const files: (readonly [string, TarEntry])[] = [
        [first, { directory: true }],
        [`${first}/VERSION`, '1.0'],
        [`${first}/json`, '{}'],
        [`${first}/layer.tar`, { file: blobPath(layout, built.layers[0]?.digest ?? '') }],
        [`${second}/layer.tar`, { file: blobPath(layout, built.layers[1]?.digest ?? '') }],
        ['third/layer.tar', { symlink: `../${second}/layer.tar` }],
        ['config.json', { file: blobPath(layout, built.config.digest) }],
        ['repositories', '{}'],
      ];
      const list = [
        {
          Config: 'config.json',
          RepoTags: ['old:1'],
          Layers: [`${first}/layer.tar`, `${second}/layer.tar`, 'third/layer.tar'],
        },
      ];
      const manifest = ['manifest.json', JSON.stringify(list)] as const;
      await writeTar([...files, manifest]);
      const [image] = await importImage();
      expect(image).toMatchObject({ name: 'docker.io/library/old:1', configDigest: built.config.digest });
      await writeTar([manifest, ...files]);
      expect(await importImage()).toEqual([image]);
    },
  );

  test('of kaniko, its config and layers called by digests, is imported, under a given name when it has none', async () => {
    const layout = join(place.directory, 'layout');
    const built = await buildLayout({ layers }, layout);
    const names = built.layers.map(({ digest }) => `${digest.slice(7)}.tar.gz`);
    const files = [built.config, ...built.layers].map(
      ({ digest }, index) => [names[index - 1] ?? digest, { file: blobPath(layout, digest) }] as const,
    );
    const list = (tags: readonly string[] | null): string =>
      JSON.stringify([{ Config: built.config.digest, RepoTags: tags, Layers: names }]);
    await writeTar([...files, ['manifest.json', list(['gcr.io/k/x:latest'])]]);
    expect(await importImage()).toMatchObject([{ name: 'gcr.io/k/x:latest', configDigest: built.config.digest }]);
    await writeTar([...files, ['manifest.json', list(null)]]);
    await expect(importImage()).rejects.toThrow('without a name');
    expect(await importImage(archive, 'k/y')).toMatchObject([{ name: 'docker.io/k/y:latest' }]);
  });

  test('of several images gives the one that is named, or says which there are', async () => {
    const layout = join(place.directory, 'layout');
    const built = await buildLayout({ layers }, layout);
    const files = [built.config, ...built.layers].map(
      ({ digest }) => [digest.slice(7), { file: blobPath(layout, digest) }] as const,
    );
    const image = (tag: string): object => ({
      Config: built.config.digest.slice(7),
      RepoTags: [`many/${tag}:1`],
      Layers: built.layers.map(({ digest }) => digest.slice(7)),
    });
    await writeTar([...files, ['manifest.json', JSON.stringify([image('a'), image('b')])]]);
    expect((await importImage(archive, 'many/b:1')).map(({ name }) => name)).toEqual(['docker.io/many/b:1']);
    await expect(importImage(archive, 'many/c:1')).rejects.toMatchObject({
      class: 'user',
      hint: expect.stringContaining('docker.io/many/a:1, docker.io/many/b:1'),
    });
    expect(await importImage()).toHaveLength(2);
  });

  test.each([
    ['a layer that is not in it', [{ Config: 'config.json', RepoTags: ['x:1'], Layers: ['../../etc/passwd'] }]],
    ['a link that goes round', [{ Config: 'loop', RepoTags: ['x:1'], Layers: [] }]],
    ['no list', { Config: 'config.json' }],
    ['text', ['config.json']],
    ['too many layers', [{ Config: 'config.json', RepoTags: ['x:1'], Layers: Array(128).fill('config.json') }]],
    ['a name that is none', [{ Config: 'config.json', RepoTags: ['../x'], Layers: [] }]],
  ])('with %s is refused', async (_what, list) => {
    await writeTar([
      ['config.json', '{}'],
      ['loop', { symlink: 'loop' }],
      ['manifest.json', JSON.stringify(list)],
    ]);
    await expect(importImage()).rejects.toThrow(UserError);
  });
});

describe('what is no archive', () => {
  test('is refused', async () => {
    await expect(importImage(join(place.directory, 'absent.tar'))).rejects.toThrow('does not exist');
    await expect(importImage(place.directory)).rejects.toThrow('directory');
    await writeFile(archive, randomBytes(5000));
    await expect(importImage()).rejects.toThrow(UserError);
    await writeFile(archive, '');
    await expect(importImage()).rejects.toThrow(UserError);
    await writeTar([['readme', 'hello']]);
    await expect(importImage()).rejects.toThrow('neither');
  });

  test('like an archive of too many entries is refused, whatever they are', async () => {
    await writeTar(Array.from({ length: 10_001 }, (_, index) => [`d${index}`, { directory: true }] as const));
    await expect(importImage()).rejects.toThrow('10000 entries');
  });
});

test('an import that waits for its sender can be stopped, and stops by itself at what it refuses', async () => {
  const stop = new AbortController();
  const silent = new PassThrough();
  const waiting = place.images.import({ source: silent }, { ...place.call, signal: stop.signal });
  stop.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  expect(silent.destroyed).toBe(true);
  const refused = new PassThrough();
  await writeTar([
    [`blobs/sha256/${'0'.repeat(64)}`, 'not that'],
    ['more', 'x'],
  ]);
  refused.write(await readFile(archive));
  await expect(importImage(refused)).rejects.toThrow('digest');
  expect(refused.destroyed).toBe(true);
});

test('an import that is stopped gives the reason and leaves nothing', async () => {
  await buildImage({ layers: [{ r: randomBytes(5_000_000) }], name: 'a/b:1' }, archive);
  const stop = new AbortController();
  const slow = Readable.from(
    (async function* () {
      for await (const chunk of createReadStream(archive)) {
        yield chunk;
        if (!stop.signal.aborted) stop.abort(new Error('enough'));
      }
    })(),
  );
  await expect(place.images.import({ source: slow }, { ...place.call, signal: stop.signal })).rejects.toThrow('enough');
});
