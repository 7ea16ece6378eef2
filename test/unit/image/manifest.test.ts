import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/base/errors.ts';
import { maxLayers, parseManifest } from '../../../src/image/manifest.ts';

const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const indexType = 'application/vnd.oci.image.index.v1+json';
const layerType = 'application/vnd.oci.image.layer.v1.tar+gzip';
const digest = `sha256:${'1'.repeat(64)}`;
const config = { mediaType: 'application/octet-stream', digest, size: 7 };
const layer = { mediaType: layerType, digest, size: 9 };
const valid = { schemaVersion: 2, config, layers: [layer] };

const parse = (document: unknown, mediaType = manifestType) =>
  parseManifest(
    Buffer.isBuffer(document)
      ? document
      : Buffer.from(typeof document === 'string' ? document : JSON.stringify(document)),
    mediaType,
    'the image x',
  );

describe('parseManifest', () => {
  it('reads config and layers, whatever the config calls itself', () => {
    expect(parse(valid)).toEqual({ kind: 'manifest', config, layers: [layer] });
    expect(parse({ ...valid, mediaType: manifestType })).toMatchObject({ kind: 'manifest' });
    expect(parse(valid, 'application/vnd.docker.distribution.manifest.v2+json')).toMatchObject({ kind: 'manifest' });
  });

  it('reads an index with platforms and annotations', () => {
    const entry = { mediaType: manifestType, digest, size: 5 };
    const document = {
      schemaVersion: 2,
      manifests: [
        { ...entry, platform: { os: 'linux', architecture: 'arm', variant: 'v7' }, annotations: { a: 'b', c: 7 } },
        entry,
      ],
    };
    expect(parse(document, indexType)).toEqual({
      kind: 'index',
      manifests: [
        { ...entry, platform: { os: 'linux', architecture: 'arm', variant: 'v7' }, annotations: { a: 'b' } },
        { ...entry, platform: undefined, annotations: {} },
      ],
    });
  });

  const deep = `${'{"a":'.repeat(33)}1${'}'.repeat(33)}`;
  it.each<[string, string, unknown, string]>([
    ['schema 1', 'schema 1', valid, 'application/vnd.docker.distribution.manifest.v1+prettyjws'],
    ['schema version 1', 'schemaVersion', { ...valid, schemaVersion: 1 }, manifestType],
    ['another media type', 'media type', valid, 'text/html'],
    ['no media type', 'media type', valid, ''],
    ['a body that contradicts its header', 'calls itself', { ...valid, mediaType: indexType }, manifestType],
    ['a manifest and index at once', 'at once', { ...valid, manifests: [] }, manifestType],
    ['an index and manifest at once', 'at once', { schemaVersion: 2, manifests: [], layers: [] }, indexType],
    ['an index with a config', 'at once', { schemaVersion: 2, manifests: [], config }, indexType],
    ['text that is no JSON', 'not JSON', '{', manifestType],
    ['a list', 'not a JSON object', '[]', manifestType],
    ['null', 'not a JSON object', 'null', manifestType],
    ['deep nesting', 'nested deeper', deep, manifestType],
    ['more than 4 MiB', 'larger', ' '.repeat(4 * 1024 * 1024 + 1), manifestType],
    ['no layers', 'layers', { schemaVersion: 2, config }, manifestType],
    ['no config', 'config is missing', { schemaVersion: 2, layers: [] }, manifestType],
    ['too many layers', '128 layers', { ...valid, layers: Array(maxLayers + 1).fill(layer) }, manifestType],
    ['a huge config', 'config is larger', { ...valid, config: { ...config, size: 9_000_000 } }, manifestType],
    ['a layer without size', 'size', { ...valid, layers: [{ mediaType: layerType, digest }] }, manifestType],
    ['a negative size', 'size', { ...valid, layers: [{ ...layer, size: -1 }] }, manifestType],
    ['a fractional size', 'size', { ...valid, layers: [{ ...layer, size: 1.5 }] }, manifestType],
    ['a size of text', 'size', { ...valid, layers: [{ ...layer, size: '9' }] }, manifestType],
    ['a bad digest', 'digest', { ...valid, layers: [{ ...layer, digest: 'sha256:../../x' }] }, manifestType],
    [
      'an encrypted layer',
      'encrypted',
      { ...valid, layers: [{ ...layer, mediaType: `${layerType}+encrypted` }] },
      manifestType,
    ],
    ['an unknown layer', 'no image layer', { ...valid, layers: [{ ...layer, mediaType: 'text/plain' }] }, manifestType],
    [
      'a foreign layer',
      'foreign',
      {
        ...valid,
        layers: [
          { ...layer, mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip', urls: ['http://x'] },
        ],
      },
      manifestType,
    ],
    [
      'a nondistributable layer',
      'foreign',
      { ...valid, layers: [{ ...layer, mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar' }] },
      manifestType,
    ],
    ['a layer of no bytes', 'size', { ...valid, layers: [{ ...layer, size: 0 }] }, manifestType],
    ['a size beyond counting', 'size', { ...valid, layers: [{ ...layer, size: 2 ** 60 }] }, manifestType],
    ['a size beyond all numbers', 'size', JSON.stringify(valid).replace('"size":9', '"size":1e999'), manifestType],
    [
      'an unknown digest algorithm',
      'sha256',
      { ...valid, layers: [{ ...layer, digest: 'md5:d41d8cd9' }] },
      manifestType,
    ],
    [
      'a layer from elsewhere',
      'urls',
      { ...valid, layers: [{ ...layer, urls: ['https://x.example/'] }] },
      manifestType,
    ],
    [
      'a config from elsewhere',
      'urls',
      { ...valid, config: { ...config, urls: ['https://x.example/'] } },
      manifestType,
    ],
    ['text that is no UTF-8', 'UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), manifestType],
    ['a member twice', 'layers" is there twice', '{"schemaVersion":2,"layers":[],"layers":[]}', manifestType],
    ['a member twice, once escaped', 'twice', '{"layers":[],"l\\u0061yers" \n:[]}', manifestType],
    ['a member twice, far down', 'twice', '{"a":[{"b":{"c":1}},{"b":{"c":1,"d":{},"c":2}}]}', manifestType],
    ['many small parts', 'parts', `{"a":[${'{},'.repeat(200_000)}{}]}`, manifestType],
    ['many members', 'parts', `{${Array.from({ length: 200_000 }, (_, i) => `"${i}":1`).join(',')}}`, manifestType],
    ['a platform of text', 'platform', { schemaVersion: 2, manifests: [{ ...layer, platform: 'linux' }] }, indexType],
    ...[
      'application/vnd.cncf.helm.config.v1+json',
      'application/vnd.oci.empty.v1+json',
      'application/vnd.wasm.config.v1+json',
      'application/vnd.docker.plugin.v1+json',
    ].map(
      (type) =>
        [type, 'no image that can be run', { ...valid, config: { ...config, mediaType: type } }, manifestType] as [
          string,
          string,
          unknown,
          string,
        ],
    ),
    [
      'a signature',
      'no image layer',
      { ...valid, layers: [{ ...layer, mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json' }] },
      manifestType,
    ],
    ['an index of 100 000', 'allowed|parts', { schemaVersion: 2, manifests: Array(100_000).fill({}) }, indexType],
    ['an index of 1001', 'are allowed', { schemaVersion: 2, manifests: Array(1001).fill(layer) }, indexType],
    ['an index without manifests', 'no list', { schemaVersion: 2 }, indexType],
  ])('refuses %s', (_what, problem, document, mediaType) => {
    expect(() => parse(document, mediaType)).toThrow(UserError);
    expect(() => parse(document, mediaType)).toThrow(new RegExp(problem));
  });

  it('is not misled by brackets within text, nor by inherited members', () => {
    const text = '{"schemaVersion":2,"note":"[[[[\\"{{{{","__proto__":{"layers":[]}}'.replace('[[[[', '['.repeat(100));
    expect(() => parse(text)).toThrow('no list of layers');
  });

  it('answers within the bounds or throws a UserError, whatever the document', () => {
    const descriptor = fc.record(
      {
        mediaType: fc.constantFrom(layerType, manifestType, 'x'),
        digest: fc.constantFrom(digest, 'sha256:1', 7),
        size: fc.oneof(fc.integer(), fc.anything()),
      },
      { requiredKeys: [] },
    );
    const list = fc.oneof(fc.array(descriptor), fc.anything());
    const document = fc.record(
      {
        schemaVersion: fc.constantFrom(2, 2, 2, 1),
        config: fc.oneof(descriptor, fc.anything()),
        layers: list,
        manifests: list,
        mediaType: fc.constantFrom(manifestType, indexType),
      },
      { requiredKeys: ['schemaVersion'] },
    );
    fc.assert(
      fc.property(document, fc.constantFrom(manifestType, indexType), (value, mediaType) => {
        try {
          const parsed = parse(JSON.stringify(value), mediaType);
          for (const { size } of parsed.kind === 'index' ? parsed.manifests : [parsed.config, ...parsed.layers])
            expect(size).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
