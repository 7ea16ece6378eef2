import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { imageLimitsOf } from '../../../src/base/image-limits.ts';
import { createImages } from '../../../src/image/images.ts';
import { writeBlob } from '../../support/content.ts';
import { type FakeRegistry, startFakeRegistry } from '../../support/fake-registry.ts';
import { type ImagePlace, openImagePlace } from '../../support/image-place.ts';
import { leftovers } from '../../support/nothing-left.ts';
import { type Change, imageWith, type Served, serveImage, types } from '../../support/tricks.ts';

let place: ImagePlace;
let registry: FakeRegistry;

beforeAll(async () => {
  place = await openImagePlace(inject('containerdAddress'));
  registry = await startFakeRegistry(place.directory);
});
afterAll(async () => {
  await registry.stop();
  await place.leave();
});

type Answer = (served: Served, request: IncomingMessage, response: ServerResponse) => boolean;

interface Trick extends Change {
  /** Of the error; `image_invalid` when absent. */
  readonly reason?: string;
  /** Answers instead of the image, where it says so. */
  readonly answer?: Answer;
}

const manifestPart = (key: string, value: unknown) => ({ manifest: (m: object) => ({ ...m, [key]: value }) });
const layerPart = (part: object) => ({ layer: (layer: object) => ({ ...layer, ...part }) });
const withoutSize = ({ size: _, ...rest }: Record<string, unknown>) => rest;
const index = (...manifests: unknown[]) => ({ schemaVersion: 2, mediaType: types.index, manifests });
const foreign = { platform: { os: 'linux', architecture: 's390x' } };
const dockerManifest = 'application/vnd.docker.distribution.manifest';
const spaces = (bytes: number): Buffer => Buffer.alloc(bytes, ' ');
const body =
  (send: (response: ServerResponse) => void, part = '/manifests/'): Answer =>
  (_served, { method, url = '' }, response) => {
    if (!url.includes(part) || method === 'HEAD') return false;
    send(response);
    return true;
  };
/** Without the length that would tell at once. */
const noHead: Answer = (_served, { method }, response) => {
  if (method === 'HEAD') response.writeHead(405).end();
  return method === 'HEAD';
};
const flood = (response: ServerResponse): void => {
  const more = (): void => {
    while (!response.destroyed && response.write(spaces(65_536)));
  };
  response.on('drain', more).on('error', () => {});
  more();
};

const tricks: readonly (readonly [string, string, Trick])[] = [
  ['schema 1, signed', 'schema 1', { mediaType: `${dockerManifest}.v1+prettyjws` }],
  ['schema 1', 'schema 1', { mediaType: `${dockerManifest}.v1+json` }],
  ['the page of a portal', 'text/html', { mediaType: 'text/html', manifest: () => '<html>' }],
  [
    'a Helm chart',
    'helm.config',
    { configDescriptor: (c) => ({ ...c, mediaType: 'application/vnd.cncf.helm.config.v1+json' }) },
  ],
  ['a signature', 'no image layer', layerPart({ mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json' })],
  ['WebAssembly', 'wasm', { configDescriptor: (c) => ({ ...c, mediaType: 'application/vnd.wasm.config.v0+json' }) }],
  [
    'a foreign layer',
    'foreign',
    layerPart({ mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip', urls: ['https://x.example/'] }),
  ],
  [
    'a nondistributable layer',
    'foreign',
    layerPart({ mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip' }),
  ],
  ['a layer from elsewhere', 'urls', layerPart({ urls: ['http://169.254.169.254/'] })],
  ['an encrypted layer', 'encrypted', layerPart({ mediaType: `${types.layer}+gzip+encrypted` })],
  ['a manifest of 5 MiB', 'larger than 4194304', { manifest: () => spaces(5 * 2 ** 20) }],
  [
    'a manifest of 5 MiB that does not say so',
    'larger than 4194304',
    { manifest: () => spaces(5 * 2 ** 20), answer: noHead },
  ],
  [
    'a manifest without end',
    'larger than 4194304',
    {
      answer: (served, request, response) =>
        noHead(served, request, response) ||
        body((to) => flood(to.writeHead(200, { 'content-type': types.manifest })))(served, request, response),
    },
  ],
  [
    'a manifest longer than announced',
    'sent something else',
    {
      reason: 'wrong_content',
      answer: body((response) => response.writeHead(200, { 'content-type': types.manifest }).end(spaces(100_000))),
    },
  ],
  [
    'another manifest than announced',
    'sent something else',
    {
      reason: 'wrong_content',
      answer: (served, request, response) =>
        body((to) => to.writeHead(200, { 'content-type': types.manifest }).end(spaces(served.top.bytes.length)))(
          served,
          request,
          response,
        ),
    },
  ],
  ['a manifest of no bytes', 'not JSON', { manifest: () => Buffer.alloc(0) }],
  ['a manifest that is no UTF-8', 'UTF-8', { manifest: () => Buffer.from([0x22, 0xff, 0x22]) }],
  ['a manifest deep down', 'nested deeper than 32', { manifest: () => '['.repeat(100_000) }],
  [
    'members that are there twice',
    '"layers" is there twice',
    { manifest: (m) => JSON.stringify(m).replace('{', '{"layers":[],') },
  ],
  ['an index of 100 000', '100000', { top: () => index(...Array(100_000).fill({})) }],
  ['an index of 1001', '1001', { top: (m) => index(...Array(1001).fill(m)) }],
  ['an index of an index', 'index within an index', { top: (m) => index({ ...m, mediaType: types.index }) }],
  [
    'an index that is announced as a manifest, within one',
    'calls itself',
    { manifest: (m) => index(m), top: (m) => index(m) },
  ],
  [
    'an index of 1000 foreign platforms',
    'not made for',
    { reason: 'image_platform', top: (m) => index(...Array(1000).fill({ ...m, ...foreign })) },
  ],
  ['an index of nothing', 'only for nothing', { reason: 'image_platform', top: () => index() }],
  [
    'an index that lies about the platform',
    's390x',
    { reason: 'image_platform', config: (c) => ({ ...c, architecture: 's390x' }), top: (m) => index(m) },
  ],
  ['a manifest that calls itself an index', 'calls itself', manifestPart('mediaType', types.index)],
  ['an index that is announced as a manifest', 'calls itself', { top: (m) => index(m), mediaType: types.manifest }],
  ['a manifest that is announced as an index', 'calls itself', { mediaType: types.index }],
  ['a manifest and an index at once', 'at once', manifestPart('manifests', [])],
  [
    'another type at the second look',
    'text/plain',
    {
      reason: 'wrong_content',
      answer: body((response) => response.writeHead(200, { 'content-type': 'text/plain' }).end('{}')),
    },
  ],
  [
    'a digest in the header that is of something else',
    'sent something else',
    {
      reason: 'wrong_content',
      answer: (served, { method, url = '' }, response) => {
        if (!url.includes('/manifests/')) return false;
        const { bytes, mediaType } = served.top;
        response.setHeader('docker-content-digest', `sha256:${'b'.repeat(64)}`);
        response.writeHead(200, { 'content-type': mediaType, 'content-length': bytes.length });
        response.end(method === 'HEAD' ? undefined : bytes);
        return true;
      },
    },
  ],
  [
    'a manifest of a thousand times its size, compressed',
    'sent something else',
    {
      reason: 'wrong_content',
      answer: body((response) => {
        const coded = { 'content-type': types.manifest, 'content-encoding': 'gzip' };
        response.writeHead(200, coded).end(gzipSync(spaces(64 * 2 ** 20)));
      }),
    },
  ],
  ['128 layers', '128 layers', { manifest: (m) => ({ ...m, layers: Array(128).fill((m.layers as unknown[])[0]) }) }],
  ['no layers where the config has one', 'lists 1 layers, its manifest 0', manifestPart('layers', [])],
  ['no list of layers', 'no list of layers', manifestPart('layers', {})],
  ['a layer of negative size', 'no valid size', layerPart({ size: -1 })],
  ['a layer of no size', 'no valid size', layerPart({ size: 0 })],
  ['a layer of any size', 'no valid size', { layer: withoutSize }],
  ['a layer of endless size', 'no valid size', layerPart({ size: 1e300 })],
  ['a layer of a petabyte', 'to transfer', { reason: 'quota', ...layerPart({ size: 2 ** 50 }) }],
  ['a layer with a digest of MD5', 'no valid digest', layerPart({ digest: 'md5:d41d8cd98f00b204e9800998ecf8427e' })],
  ['a layer with a digest that is a path', 'no valid digest', layerPart({ digest: 'sha256:../../../etc/passwd' })],
  [
    'a layer with another digest',
    'another digest or size',
    { reason: 'wrong_content', layerBytes: (b) => Buffer.alloc(b.length) },
  ],
  [
    'a layer longer than announced',
    'another digest or size',
    { reason: 'wrong_content', layerBytes: (b) => Buffer.concat([b, b]) },
  ],
  [
    'a layer without end',
    'another digest or size',
    {
      reason: 'wrong_content',
      answer: (served, request, response) =>
        body((to) => flood(to.writeHead(200)), [...served.blobs.keys()][0])(served, request, response),
    },
  ],
  [
    'a layer that its config does not know',
    'its config promises',
    { config: (c) => ({ ...c, rootfs: { type: 'layers', diff_ids: [`sha256:${'0'.repeat(64)}`] } }) },
  ],
  ['a layer that is no tar', 'tar|archive|EOF|header', { tars: [randomBytes(5000)] }],
  ['a layer with a digest that containerd does not keep', 'sha512', { algorithm: 'sha512' }],
  [
    'a config with another digest',
    'another digest or size',
    { reason: 'wrong_content', configBytes: (b) => Buffer.alloc(b.length, ' ') },
  ],
  ['a config of 9 MB', 'config is larger', { configDescriptor: (c) => ({ ...c, size: 9_000_000 }) }],
  ['a config deep down', 'nested deeper', { config: () => `{"a":${'['.repeat(1000)}` }],
  ['a config with members twice', 'twice', { config: (c) => JSON.stringify(c).replace('{', '{"os":"windows",') }],
  ['a config without layers', 'no rootfs', { config: ({ rootfs: _, ...c }) => c }],
  [
    'a config of 128 layers',
    '128 layers',
    { config: (c) => ({ ...c, rootfs: { type: 'layers', diff_ids: Array(128).fill(`sha256:${'0'.repeat(64)}`) } }) },
  ],
  ['a config for another system', 'windows', { reason: 'image_platform', config: (c) => ({ ...c, os: 'windows' }) }],
  [
    'a config with everything wrong',
    'WorkingDir.*Env.*User.*StopSignal',
    {
      reason: 'undefined',
      config: (c) => ({
        ...c,
        config: { WorkingDir: '/proc/self/fd/7', Env: ['x'], User: '4294967296', StopSignal: 'KABOOM' },
      }),
    },
  ],
];

test.each(tricks)(
  '%s is refused, and nothing is kept',
  async (_what, says, { reason = 'image_invalid', answer, ...change }) => {
    const served = await imageWith(change);
    registry.misbehave = (request, response) => {
      if (answer?.(served, request, response) !== true) serveImage(served, request, response);
      return true;
    };
    const error: unknown = await place
      .ensure(`${registry.host}/hostile/x:${registry.seen.length}`)
      .catch((thrown: unknown) => thrown);
    const { message, hint, reason: told } = error as { message: string; hint?: string; reason?: string };
    expect(message).toMatch(new RegExp(says, 's'));
    expect(message).toContain(registry.host);
    expect(String(told)).toBe(reason);
    if (reason.startsWith('image_')) expect(hint).toBeDefined();
    expect(await kept()).toEqual([]);
  },
);

test('what is good is not refused, under the limits that it needs', async () => {
  const served = await imageWith({});
  registry.misbehave = (request, response) => {
    serveImage(served, request, response);
    return true;
  };
  const name = `${registry.host}/good/x:1`;
  for (const [settings, says] of [
    [{ downloadSize: '1m', layerFiles: 1 }, 'layerFiles'],
    [{ imageFiles: 1 }, 'imageFiles'],
  ] as const) {
    const images = createImages(place.client, { limits: imageLimitsOf(settings) });
    const refused = images.ensure({ reference: name, policy: 'missing' }, place.call);
    await expect(refused).rejects.toMatchObject({ reason: 'quota', hint: expect.stringContaining(says) });
    expect(await kept()).toEqual([]);
  }
  const images = createImages(place.client, { limits: imageLimitsOf({ layerFiles: 2, imageFiles: 2 }) });
  expect((await images.ensure({ reference: name, policy: 'missing' }, place.call)).digest).toBe(served.top.digest);
});

test('what takes too long is given up, however steadily it comes', async () => {
  const served = await imageWith({ config: (config) => ({ ...config, author: 'nobody' }) });
  registry.misbehave = (request, response) => {
    if (!request.url?.includes('/blobs/')) serveImage(served, request, response);
    else {
      const drip = setInterval(() => response.write(' '), 50);
      response.on('close', () => clearInterval(drip));
    }
    return true;
  };
  const images = createImages(place.client, { limits: imageLimitsOf({ pullSeconds: 1 }) });
  const late = images.ensure({ reference: `${registry.host}/late/x:1`, policy: 'missing' }, place.call);
  await expect(late).rejects.toMatchObject({ class: 'infrastructure', reason: 'pull_timeout' });
  expect((await kept()).filter((thing) => /late|lease|ingest/.test(thing))).toEqual([]);
});

test('what another client left under the name does not run here when it is of another platform', async () => {
  const served = await imageWith({ config: (config) => ({ ...config, architecture: 's390x' }) });
  const lease = 'foreign';
  await place.client.call('Leases.Create', { id: lease });
  const present = new Set(await place.content());
  for (const [digest, bytes] of served.blobs) if (!present.has(digest)) await writeBlob(place.client, bytes, { lease });
  const { digest, bytes } = served.top;
  const target = { mediaType: types.manifest, digest, size: bytes.length };
  const name = 'example.com/foreign/x:1';
  await place.client.call('Images.Create', { image: { name, target } });
  // Its only layer is unpacked already: that of the image before.
  expect(await place.snapshots()).toHaveLength(1);
  await expect(place.ensure(name, { policy: 'never' })).rejects.toMatchObject({ reason: 'image_platform' });
  await place.client.call('Leases.Delete', { id: lease });
});

/** Everything of the namespace that an image could have left. */
async function kept(): Promise<readonly string[]> {
  const { images } = await place.client.call('Images.List', {});
  const { address, namespace } = place.client;
  const rest = await leftovers(place.client, { address, namespace, cgroupPrefix: '/componentd-none' });
  return [...images.map(({ name }) => name), ...rest, ...(await place.content()), ...(await place.snapshots())];
}
