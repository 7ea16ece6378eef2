import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { type BuiltImage, buildImage, type ImageSpec } from '../../../scripts/lib/oci-image.ts';
import { pushImage } from '../../../scripts/lib/push-image.ts';
import { UserError } from '../../../src/base/errors.ts';
import { accessLabel, formatAccess } from '../../../src/image/access.ts';
import { readBlob } from '../../../src/image/content.ts';
import { resolveUser } from '../../../src/image/user.ts';
import { collect, type ImagePlace, openImagePlace } from '../../support/image-place.ts';

const registry = inject('registryHost');
let place: ImagePlace;

beforeEach(async () => {
  place = await openImagePlace(inject('containerdAddress'));
});
afterEach(() => place.leave());

async function push(name: string, spec: ImageSpec): Promise<BuiltImage> {
  const archive = join(place.directory, 'push.tar');
  const built = await buildImage(spec, archive);
  await pushImage(archive, `http://${registry}`, name);
  await rm(archive);
  return built;
}

const busybox = { 'bin/busybox': { file: '/bin/busybox' }, 'bin/sh': { symlink: 'busybox' } } as const;

describe('pulling', () => {
  test('brings content, snapshots and a record, and tells about each layer', async () => {
    const built = await push('a/three:1', {
      layers: [busybox, { 'etc/passwd': 'app:x:1000:1001::/home/app:/bin/sh\n' }, { 'etc/motd': 'hello' }],
      config: { Cmd: ['sh'], Env: ['A=1'], User: 'app', WorkingDir: '/home', Labels: { 'containerd.io/gc.root': 'x' } },
    });
    const image = await place.ensure(`${registry}/a/three:1`);
    expect(image).toMatchObject({
      name: `${registry}/a/three:1`,
      digest: built.manifest.digest,
      configDigest: built.config.digest,
      config: { entrypoint: [], cmd: ['sh'], env: ['A=1'], user: 'app', workingDir: '/home', stopSignal: 'SIGTERM' },
    });
    expect(await place.content()).toHaveLength(5);
    expect(await place.snapshots()).toContain(image.chainId);
    const { image: record } = await place.client.call('Images.Get', { name: image.name });
    expect(record?.labels).toEqual({
      'componentd.managed': 'true',
      'componentd.access': `${built.manifest.digest} public`,
      'componentd.lastUsed': expect.any(String),
    });
    const layer = built.layers[2]?.digest;
    const statuses = place.events
      .filter((event) => event.type === 'layer' && event.digest === layer)
      .map((event) => 'status' in event && event.status);
    expect(statuses).toEqual(['downloading', 'downloaded', 'unpacking', 'unpacked']);
    expect(
      place.events.filter(({ type }) => type === 'image').map((event) => 'status' in event && event.status),
    ).toEqual(['resolving', 'pulling', 'ready']);
    expect(await resolveUser(place.client, image)).toEqual({
      uid: 1000,
      gid: 1001,
      additionalGids: [1001],
      home: '/home/app',
    });
  });

  test('keeps everything through a collection, and lets go of everything with the record', async () => {
    await push('a/kept:1', { layers: [busybox, { x: 'y' }] });
    const image = await place.ensure(`${registry}/a/kept:1`);
    await collect(place.client);
    expect(await place.content()).toHaveLength(4);
    expect(await place.snapshots()).toHaveLength(2);
    const { images, diskBytes } = await place.local.list();
    expect(images).toMatchObject([{ name: image.name, digest: image.digest, bytes: expect.any(Number), diskBytes }]);
    const gently = { force: false, signal: place.call.signal };
    expect(await place.local.remove(image.name, gently)).toBe(true);
    expect(await place.local.remove(image.name, gently)).toBe(false);
    expect(await place.content()).toEqual([]);
    expect(await place.snapshots()).toEqual([]);
  });

  test('of what is present asks nobody, or the registry only for the digest', async () => {
    await push('a/again:1', { layers: [busybox, { x: '1' }] });
    const first = await place.ensure(`${registry}/a/again:1`);
    const times: Record<string, number> = {};
    for (const policy of ['missing', 'never', 'always'] as const) {
      const started = performance.now();
      for (let times = 0; times < 10; times += 1) expect(await place.ensure(first.name, { policy })).toEqual(first);
      times[policy] = (performance.now() - started) / 10;
    }
    expect(times.missing).toBeLessThan(50);
    expect(times.always).toBeLessThan(100);
    expect(place.events.filter((event) => event.type === 'image' && event.status === 'pulling')).toHaveLength(1);
  });

  test.each(['gzip', 'zstd', 'none'] as const)('unpacks %s layers', async (compression) => {
    await push(`a/${compression}:1`, { layers: [{ 'a/b': compression }], compression });
    const image = await place.ensure(`${registry}/a/${compression}:1`);
    expect(await place.snapshots()).toEqual([image.chainId]);
  });

  test('of an image without layers gives an empty chain', async () => {
    await push('a/empty:1', { layers: [], config: { Cmd: ['x'] } });
    const image = await place.ensure(`${registry}/a/empty:1`);
    expect(image.chainId).toBe('');
    expect(await resolveUser(place.client, image)).toEqual({ uid: 0, gid: 0, additionalGids: [0] });
    expect(await place.ensure(image.name)).toEqual(image);
  });

  test('fetches a layer once when several images that share it are pulled at once', async () => {
    const shared = { ...busybox, big: randomBytes(4_000_000) };
    const names = ['p/one:1', 'p/two:1', 'p/three:1'];
    for (const [index, name] of names.entries()) await push(name, { layers: [shared, { own: String(index) }] });
    const images = await Promise.all([...names, ...names].map((name) => place.ensure(`${registry}/${name}`)));
    expect(new Set(images.map(({ chainId }) => chainId)).size).toBe(3);
    const unpacked = place.events.filter((event) => event.type === 'layer' && event.status === 'unpacked');
    expect(unpacked).toHaveLength(4);
    expect(await place.snapshots()).toHaveLength(4);
  });

  test('uses a layer that another image has, without downloading it', async () => {
    const built = await push('s/base:1', { layers: [busybox] });
    await push('s/top:1', { layers: [busybox, { x: 'y' }] });
    await place.ensure(`${registry}/s/base:1`);
    place.events.length = 0;
    await place.ensure(`${registry}/s/top:1`);
    const shared = place.events.flatMap((event) =>
      event.type === 'layer' && event.digest === built.layers[0]?.digest ? [event.status] : [],
    );
    expect(shared).toEqual(['exists']);
  });
});

describe('policy and digest', () => {
  test('follow a tag that moved only when asked to', async () => {
    const old = await push('m/tag:1', { layers: [{ v: 'old' }] });
    const name = `${registry}/m/tag:1`;
    await place.ensure(name);
    const moved = await push('m/tag:1', { layers: [{ v: 'new' }] });
    expect((await place.ensure(name)).digest).toBe(old.manifest.digest);
    expect((await place.ensure(name, { digest: old.manifest.digest })).digest).toBe(old.manifest.digest);
    expect((await place.ensure(name, { digest: moved.manifest.digest })).digest).toBe(moved.manifest.digest);
    expect(place.events.filter(({ type }) => type === 'message')).toEqual([]);
    expect((await place.ensure(name, { digest: old.manifest.digest })).digest).toBe(moved.manifest.digest);
    expect(place.events.filter(({ type }) => type === 'message')).toHaveLength(1);
    expect((await place.ensure(`${registry}/m/tag@${old.manifest.digest}`)).digest).toBe(old.manifest.digest);
  });

  test('never pull when pulling is not allowed', async () => {
    const built = await push('n/x:1', { layers: [{ a: 'b' }] });
    const name = `${registry}/n/x:1`;
    await expect(place.ensure(name, { policy: 'never' })).rejects.toThrow('not present');
    await place.ensure(name);
    const other = `sha256:${'0'.repeat(64)}`;
    await expect(place.ensure(name, { policy: 'never', digest: other })).rejects.toThrow(built.manifest.digest);
    await expect(place.ensure(name, { digest: 'nonsense' })).rejects.toThrow(UserError);
  });

  test('mend an image whose snapshots or content are gone', async () => {
    const built = await push('r/x:1', { layers: [busybox, { a: randomBytes(100) }] });
    const name = `${registry}/r/x:1`;
    const image = await place.ensure(name);
    await place.client.call('Snapshots.Remove', { snapshotter: 'overlayfs', key: image.chainId });
    expect(await place.ensure(name, { policy: 'never' })).toEqual(image);
    await place.client.call('Snapshots.Remove', { snapshotter: 'overlayfs', key: image.chainId });
    await place.client.call('Content.Delete', { digest: built.layers[1]?.digest ?? '' });
    await expect(place.ensure(name, { policy: 'never' })).rejects.toThrow('is missing');
    expect(await place.ensure(name)).toEqual(image);
    await place.client.call('Content.Delete', { digest: built.config.digest });
    expect(await place.ensure(name)).toEqual(image);
    expect(await readBlob(place.client, built.config.digest, 1000)).toBeDefined();
    expect(await place.snapshots()).toContain(image.chainId);
  });

  test('name the image that nobody knows', async () => {
    const unknown = place.ensure(`${registry}/no/such:1`);
    await expect(unknown).rejects.toThrow(UserError);
    await expect(unknown).rejects.toThrow(`${registry}/no/such:1`);
  });

  test('refuse an image whose config wants what is not allowed, and leave nothing of it', async () => {
    await push('h/cwd:1', { layers: [{ a: 'b' }], config: { WorkingDir: '/proc/self/fd/7', User: '-1' } });
    await expect(place.ensure(`${registry}/h/cwd:1`)).rejects.toThrow(/WorkingDir.*User/);
    await push('h/arch:1', { layers: [{ a: 'b' }], architecture: 's390x' });
    await expect(place.ensure(`${registry}/h/arch:1`)).rejects.toThrow('linux/s390x');
    await collect(place.client);
    expect(await place.content()).toEqual([]);
  });
});

test('content that only another namespace may fetch is not handed over', async () => {
  const other = await openImagePlace(inject('containerdAddress'));
  try {
    const built = await push('t/secret:1', { layers: [{ secret: randomBytes(100) }] });
    await place.ensure(`${registry}/t/secret:1`);
    const { images } = await place.client.call('Images.List', {});
    const target = images[0]?.target ?? null;
    // Even with a record that claims the image to be his own.
    const labels = { [accessLabel]: formatAccess(target?.digest ?? '', { kind: 'own' }) };
    await other.client.call('Images.Create', { image: { name: 'docker.io/t/thief:1', target, labels } });
    await expect(other.ensure('t/thief:1', { policy: 'never' })).rejects.toThrow('is missing');
    expect(await other.content()).not.toContain(built.layers[0]?.digest);
  } finally {
    await other.leave();
  }
});

test('a host file is never read through an image: links end inside it', async () => {
  const canary = join(place.directory, 'canary');
  await writeFile(canary, 'canary:x:4242:4242::/:/bin/sh\n');
  await push('u/link:1', {
    layers: [
      { 'etc/passwd': { symlink: canary } },
      { 'etc/group': { symlink: '../../../../../../etc/real' } },
      { 'etc/real': 'inside:x:77:\n' },
    ],
    config: { User: '5:inside' },
  });
  const image = await place.ensure(`${registry}/u/link:1`);
  expect(await resolveUser(place.client, image)).toEqual({ uid: 5, gid: 77, additionalGids: [77] });
  await expect(resolveUser(place.client, { ...image, config: { ...image.config, user: 'canary' } })).rejects.toThrow(
    UserError,
  );
});

test('accounts are read as the layers show them: whiteouts and opaque directories hide', async () => {
  const base = { 'etc/passwd': 'app:x:1:1::/:\n', 'etc/group': 'old:x:9:app\n' };
  await push('u/base:1', { layers: [base], config: { User: 'app' } });
  await push('u/whiteout:1', { layers: [base, { 'etc/.wh.passwd': '' }], config: { User: 'app' } });
  await push('u/opaque:1', {
    layers: [base, { 'etc/.wh..wh..opq': '', 'etc/group': 'new:x:8:app\n' }],
    config: { User: 'app:new' },
  });
  await push('u/merged:1', { layers: [base, { 'etc/group': 'new:x:8:app\n' }], config: { User: 'app' } });
  const user = async (name: string) => resolveUser(place.client, await place.ensure(`${registry}/u/${name}:1`));
  expect(await user('base')).toEqual({ uid: 1, gid: 1, additionalGids: [1, 9], home: '/' });
  expect(await user('merged')).toEqual({ uid: 1, gid: 1, additionalGids: [1, 8], home: '/' });
  await expect(user('whiteout')).rejects.toThrow('/etc/passwd');
  await expect(user('opaque')).rejects.toThrow('/etc/passwd');
});
