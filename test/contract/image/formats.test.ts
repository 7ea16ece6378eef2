import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { LayerSpec } from '../../../scripts/lib/oci-image.ts';
import { tarStream } from '../../../scripts/lib/tar-stream.ts';
import { createImages } from '../../../src/image/images.ts';
import { hostPlatform } from '../../../src/image/platform.ts';
import { type FakeRegistry, startFakeRegistry } from '../../support/fake-registry.ts';
import { removeEverything } from '../../support/image-place.ts';
import { type Box, busyboxLayer, openBox } from '../runtime/box.ts';

let box: Box;
let layout: string;
let registry: FakeRegistry;

beforeAll(async () => {
  box = await openBox({ address: inject('containerdAddress'), runcRoot: inject('runcRoot') });
  layout = await mkdtemp(join(tmpdir(), 'componentd-test-formats-'));
  await mkdir(join(layout, 'blobs/sha256'), { recursive: true });
  registry = await startFakeRegistry(layout);
});
afterAll(async () => {
  await registry.stop();
  await removeEverything(box.client);
  await box.close();
  await rm(layout, { recursive: true, force: true });
});

const oci = 'application/vnd.oci.image';
const docker = 'application/vnd.docker';

interface Family {
  readonly manifest: string;
  readonly index: string;
  readonly config: string;
  /** By the kind of compression. */
  readonly layers: Readonly<Record<Kind, string>>;
}

type Kind = 'plain' | 'gzip' | 'zstd' | 'estargz';

const families: Readonly<Record<string, Family>> = {
  OCI: {
    manifest: `${oci}.manifest.v1+json`,
    index: `${oci}.index.v1+json`,
    config: `${oci}.config.v1+json`,
    layers: {
      plain: `${oci}.layer.v1.tar`,
      gzip: `${oci}.layer.v1.tar+gzip`,
      zstd: `${oci}.layer.v1.tar+zstd`,
      estargz: `${oci}.layer.v1.tar+gzip`,
    },
  },
  Docker: {
    manifest: `${docker}.distribution.manifest.v2+json`,
    index: `${docker}.distribution.manifest.list.v2+json`,
    config: `${docker}.container.image.v1+json`,
    layers: {
      plain: `${docker}.image.rootfs.diff.tar`,
      gzip: `${docker}.image.rootfs.diff.tar.gzip`,
      zstd: `${docker}.image.rootfs.diff.tar.zstd`,
      estargz: `${docker}.image.rootfs.diff.tar.gzip`,
    },
  },
};

interface Layer {
  readonly kind: Kind;
  readonly tar: Buffer;
  readonly blob: Buffer;
}

const compress: Readonly<Record<Exclude<Kind, 'estargz'>, (tar: Buffer) => Buffer>> = {
  plain: (tar) => tar,
  gzip: (tar) => gzipSync(tar),
  zstd: (tar) => zstdCompressSync(tar),
};

async function makeLayer(kind: Kind, files: LayerSpec): Promise<Layer> {
  if (kind === 'estargz') return estargz(files);
  const tar = await tarOf(Object.entries(files));
  return { kind, tar, blob: compress[kind](tar) };
}

/** A gzip member for each file, one for the table of contents, and a footer that says where that begins (stargz-snapshotter, estargz.md). */
async function estargz(files: LayerSpec): Promise<Layer> {
  const members: Buffer[] = [];
  const entries: object[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(files)) {
    const member = withoutEnd(await tarOf([[name, content]]));
    entries.push({ name, type: 'reg', size: String(content).length, offset });
    members.push(member);
    offset += gzipSync(member).length;
  }
  members.push(await tarOf([['stargz.index.json', JSON.stringify({ version: 1, entries })]]));
  const position = Buffer.from(`${offset.toString(16).padStart(16, '0')}STARGZ`);
  const extra = Buffer.concat([Buffer.from('SG'), Buffer.from([position.length, 0]), position]);
  const head = Buffer.from([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, extra.length, 0]);
  const footer = Buffer.concat([head, extra, Buffer.from([1, 0, 0, 0xff, 0xff]), Buffer.alloc(8)]);
  expect(footer).toHaveLength(51);
  const blob = Buffer.concat([...members.map((member) => gzipSync(member)), footer]);
  return { kind: 'estargz', tar: Buffer.concat(members), blob };
}

async function tarOf(entries: Parameters<typeof tarStream>[0]): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of tarStream(entries)) parts.push(part);
  return Buffer.concat(parts);
}

function withoutEnd(tar: Buffer): Buffer {
  return tar.subarray(0, tar.length - 1024);
}

async function put(mediaType: string, content: Buffer | object) {
  const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
  const digest = createHash('sha256').update(bytes).digest('hex');
  await writeFile(join(layout, 'blobs/sha256', digest), bytes);
  return { mediaType, digest: `sha256:${digest}`, size: bytes.length };
}

async function putImage(family: Family, layers: readonly Layer[], architecture = hostPlatform().architecture) {
  const diffIds = layers.map(({ tar }) => `sha256:${createHash('sha256').update(tar).digest('hex')}`);
  const config = {
    architecture,
    os: 'linux',
    config: { Cmd: ['/bin/sh', '-c', 'cat /opt/*'] },
    rootfs: { type: 'layers', diff_ids: diffIds },
  };
  return put(family.manifest, {
    schemaVersion: 2,
    mediaType: family.manifest,
    config: await put(family.config, config),
    layers: await Promise.all(layers.map(({ kind, blob }) => put(family.layers[kind], blob))),
  });
}

/** Makes it what any tag leads to, pulls it and prints a file of each layer, in a container. */
async function pullAndRun(top: { digest: string }): Promise<{ printed: string; manifestDigest: string | undefined }> {
  await writeFile(join(layout, 'index.json'), JSON.stringify({ manifests: [top] }));
  const call = { emit: () => {}, signal: AbortSignal.timeout(50_000) };
  const reference = `${registry.host}/formats/x:1`;
  const image = await createImages(box.client).ensure({ reference, policy: 'always' }, call);
  expect(image.digest).toBe(top.digest);
  const request = await box.script('', { image });
  const container = await box.runtime.create(request);
  await container.start();
  expect((await container.wait()).code).toBe(0);
  await container.remove();
  return { printed: await readFile(request.logs.stdout, 'utf8'), manifestDigest: image.manifestDigest };
}

const kinds = ['plain', 'gzip', 'zstd', 'estargz'] as const;

test.each(Object.keys(families))('an image of %s runs with layers of every kind', async (name) => {
  const family = families[name] as Family;
  const own = await Promise.all(kinds.map((kind) => makeLayer(kind, { [`opt/${kind}`]: `${name} ${kind}\n` })));
  const top = await putImage(family, [await makeLayer('gzip', busyboxLayer), ...own]);
  expect((await pullAndRun(top)).printed).toBe(
    ['estargz', 'gzip', 'plain', 'zstd'].map((kind) => `${name} ${kind}\n`).join(''),
  );
});

test.each(Object.keys(families))('an index of %s leads to the variant that fits best', async (name) => {
  const family = families[name] as Family;
  const { architecture } = hostPlatform();
  const base = await makeLayer('gzip', busyboxLayer);
  const image = async (text: string) =>
    putImage(family, [base, await makeLayer('zstd', { 'opt/x': `${name} ${text}\n` })]);
  const best = await image('best');
  const entries = [
    { ...(await image('attestation')), platform: { os: 'unknown', architecture: 'unknown' } },
    { ...(await image('windows')), platform: { os: 'windows', architecture } },
    { ...(await image('other')), platform: { os: 'linux', architecture: 's390x' } },
    // What a node cannot know that it can: it never guesses upwards.
    {
      ...(await image('too new')),
      platform: { os: 'linux', architecture, variant: architecture === 'arm64' ? 'v9' : 'v3' },
    },
    { ...best, platform: { os: 'linux', architecture, variant: architecture === 'arm64' ? 'v8' : 'v1' } },
    { ...(await image('second')), platform: { os: 'linux', architecture } },
  ];
  const index = await put(family.index, { schemaVersion: 2, mediaType: family.index, manifests: entries });
  expect(await pullAndRun(index)).toEqual({ printed: `${name} best\n`, manifestDigest: best.digest });
});
