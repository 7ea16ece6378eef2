import { createHash, type Hash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PassThrough, Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip, createZstdCompress } from 'node:zlib';
import { type TarEntry, tarStream } from './tar-stream.ts';

export type Compression = 'none' | 'gzip' | 'zstd';

/** Entries by path (no leading slash). Parent directories are made, 0755 root, unless they are entries themselves. */
export type LayerSpec = Readonly<Record<string, TarEntry>>;

/** The `config` object of an OCI image configuration, with its own names. */
export interface ImageConfigSpec {
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Env?: readonly string[];
  readonly WorkingDir?: string;
  readonly User?: string;
  readonly StopSignal?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly [other: string]: unknown;
}

export interface ImageSpec {
  readonly layers: readonly LayerSpec[];
  readonly config?: ImageConfigSpec;
  /** Written to the index as `org.opencontainers.image.ref.name`, for example `demo/x:1`. */
  readonly name?: string;
  /** How layers are compressed; gzip unless told otherwise. */
  readonly compression?: Compression;
  readonly architecture?: string;
  readonly variant?: string;
}

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: Readonly<Record<string, string>>;
}

export interface BuiltImage {
  readonly manifest: Descriptor;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly diffIds: readonly string[];
}

/** Builds an image and writes it to `path` as an archive: a tar of an OCI image layout. */
export async function buildImage(spec: ImageSpec, path: string): Promise<BuiltImage> {
  const layout = await mkdtemp(join(tmpdir(), 'oci-image-'));
  try {
    const built = await buildLayout(spec, layout);
    await writeArchive(layout, built, path);
    return built;
  } finally {
    await rm(layout, { recursive: true, force: true });
  }
}

/** Builds an image into the folder `layout`: an OCI image layout (image-layout.md) of one manifest. */
export async function buildLayout(spec: ImageSpec, layout: string): Promise<BuiltImage> {
  const blobs = join(layout, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  const layers: Descriptor[] = [];
  const diffIds: string[] = [];
  for (const layer of spec.layers) {
    const built = await writeLayer(layer, spec.compression ?? 'gzip', blobs);
    layers.push(built.descriptor);
    diffIds.push(built.diffId);
  }
  const config = await writeJson(blobs, 'application/vnd.oci.image.config.v1+json', {
    architecture: spec.architecture ?? hostArchitecture(),
    ...(spec.variant && { variant: spec.variant }),
    os: 'linux',
    config: spec.config ?? {},
    rootfs: { type: 'layers', diff_ids: diffIds },
  });
  const manifest = await writeJson(blobs, 'application/vnd.oci.image.manifest.v1+json', {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config,
    layers,
  });
  const annotations =
    spec.name === undefined ? {} : { annotations: { 'org.opencontainers.image.ref.name': spec.name } };
  await writeFile(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  await writeFile(
    join(layout, 'index.json'),
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [{ ...manifest, ...annotations }],
    }),
  );
  return { manifest, config, layers, diffIds };
}

/** Where a blob of a layout lies. */
export function blobPath(layout: string, digest: string): string {
  return join(layout, 'blobs', ...digest.split(':'));
}

async function writeArchive(layout: string, built: BuiltImage, path: string): Promise<void> {
  const digests = new Set([...built.layers, built.config, built.manifest].map(({ digest }) => digest));
  const names = ['oci-layout', 'index.json', ...Array.from(digests, (digest) => `blobs/${digest.replace(':', '/')}`)];
  await mkdir(dirname(path), { recursive: true });
  const entries = names.map((name) => [name, { file: join(layout, name), mode: 0o644 }] as const);
  await pipeline(Readable.from(tarStream(entries)), createWriteStream(path));
}

async function writeLayer(
  layer: LayerSpec,
  compression: Compression,
  blobs: string,
): Promise<{ descriptor: Descriptor; diffId: string }> {
  const temporary = join(blobs, '.layer');
  const content = createHash('sha256');
  const blob = createHash('sha256');
  await pipeline(
    Readable.from(tarStream(withParents(layer))),
    hashing(content),
    compressor(compression),
    hashing(blob),
    createWriteStream(temporary),
  );
  const digest = blob.digest('hex');
  const { size } = await stat(temporary);
  await rename(temporary, join(blobs, digest));
  const suffix = compression === 'none' ? '' : `+${compression}`;
  return {
    descriptor: { mediaType: `application/vnd.oci.image.layer.v1.tar${suffix}`, digest: `sha256:${digest}`, size },
    diffId: `sha256:${content.digest('hex')}`,
  };
}

function withParents(layer: LayerSpec): [string, TarEntry][] {
  const entries = new Map<string, TarEntry>();
  for (const [path, entry] of Object.entries(layer)) {
    const parts = path.split('/');
    for (let depth = 1; depth < parts.length; depth += 1) {
      const parent = parts.slice(0, depth).join('/');
      if (!entries.has(parent)) entries.set(parent, layer[parent] ?? { directory: true });
    }
    entries.set(path, entry);
  }
  return [...entries];
}

async function writeJson(blobs: string, mediaType: string, document: unknown): Promise<Descriptor> {
  const bytes = Buffer.from(JSON.stringify(document));
  const digest = createHash('sha256').update(bytes).digest('hex');
  await writeFile(join(blobs, digest), bytes);
  return { mediaType, digest: `sha256:${digest}`, size: bytes.length };
}

function hashing(hash: Hash): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
}

function compressor(compression: Compression): Transform {
  if (compression === 'gzip') return createGzip();
  return compression === 'zstd' ? createZstdCompress() : new PassThrough();
}

function hostArchitecture(): string {
  return process.arch === 'x64' ? 'amd64' : process.arch;
}
