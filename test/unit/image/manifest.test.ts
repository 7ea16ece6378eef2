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
    Buffer.from(typeof document === 'string' ? document : JSON.stringify(document)),
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
  it.each([
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
    [
      'layers of more than 50 GiB',
      'are allowed',
      { ...valid, layers: [{ ...layer, size: 51 * 2 ** 30 }] },
      manifestType,
    ],
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
    ['an index of 1001', 'are allowed', { schemaVersion: 2, manifests: Array(1001).fill(layer) }, indexType],
    ['an index without manifests', 'no list', { schemaVersion: 2 }, indexType],
  ])('refuses %s', (_what, problem, document, mediaType) => {
    expect(() => parse(document, mediaType)).toThrow(UserError);
    expect(() => parse(document, mediaType)).toThrow(problem);
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
