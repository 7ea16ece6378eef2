import { createHash } from 'node:crypto';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { InfrastructureError } from '../../base/errors.ts';
import type { Emit } from '../../base/events.ts';
import type { Containerd } from '../../containerd/client.ts';
import { withLease } from '../leased.ts';
import { type Exported, findExported } from './contents.ts';
import { tarEnd, tarEntry } from './tar-entry.ts';

export interface ExportRequest {
  readonly references: readonly string[];
  /** Where the archive goes; it is ended. */
  readonly destination: Writable;
}

export interface ExportCall {
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Brings the missing blobs of an image, under a lease. */
  readonly complete: (image: Exported, lease: string) => Promise<void>;
}

export interface ExportedArchive {
  readonly images: readonly { readonly name: string; readonly digest: string }[];
  readonly bytes: number;
}

/**
 * Writes images into one archive that is an OCI layout (OCI image-layout.md) and has the `manifest.json` of `docker save` beside it, both
 * over the same blobs. Straight from the content store and digest by digest; nothing of it grows with the images, and the same images give
 * the same bytes. Of an image for several platforms only what runs here is in it, under the digest of the whole.
 * @throws UserError for a name without an image, or when content is missing; InfrastructureError when a blob is not what its digest says
 */
export async function exportImages(
  client: Containerd,
  { references, destination }: ExportRequest,
  { emit, signal, complete }: ExportCall,
): Promise<ExportedArchive> {
  return withLease(client, emit, async (lease) => {
    const images = await held(client, references, { lease, complete });
    const counted = { bytes: 0 };
    try {
      await pipeline(counting(archive(client, images, signal), counted), destination, { signal });
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    }
    return {
      images: images.map(({ reference, target }) => ({ name: reference.name, digest: target.digest })),
      bytes: counted.bytes,
    };
  });
}

/** From here on nothing of them goes, whatever becomes of their records. */
async function held(
  client: Containerd,
  references: readonly string[],
  { lease, complete }: { readonly lease: string; readonly complete: ExportCall['complete'] },
): Promise<readonly Exported[]> {
  for (const { target } of await findExported(client, references)) {
    await client.call('Leases.AddResource', { id: lease, resource: { id: target.digest, type: 'content' } });
  }
  const images = await findExported(client, references);
  const partial = images.filter(({ missing }) => missing.length > 0);
  if (partial.length === 0) return images;
  for (const image of partial) await complete(image, lease);
  return await findExported(client, references);
}

async function* archive(
  client: Containerd,
  images: readonly Exported[],
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  yield* document('oci-layout', { imageLayoutVersion: '1.0.0' });
  yield* document('index.json', {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: images.map(indexEntry),
  });
  yield* document('manifest.json', dockerList(images));
  const sizes = new Map(images.flatMap(({ blobs }) => blobs.map(({ digest, size }) => [digest, size] as const)));
  for (const [digest, size] of sizes) {
    signal.throwIfAborted();
    yield* tarEntry(pathOf(digest), size, checked(client, digest, size));
  }
  yield tarEnd();
}

function document(path: string, value: unknown): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(JSON.stringify(value));
  return tarEntry(path, bytes.length, [bytes]);
}

/** Both annotations hold the whole name: containerd reads the one, podman and skopeo read the other. */
function indexEntry({ reference: { name }, target: { mediaType, digest, size } }: Exported): object {
  const annotations = { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name };
  return { mediaType, digest, size, annotations };
}

/** As `docker save` writes it: one entry for an image, however many names it has; names as Docker shortens them. */
function dockerList(images: readonly Exported[]): readonly object[] {
  const byManifest = Map.groupBy(images, ({ manifestDigest }) => manifestDigest);
  return [...byManifest.values()].flatMap(([first, ...others]) => {
    if (first === undefined) return [];
    const tags = [first, ...others].flatMap(({ reference: { domain, path, tag, digest } }) => {
      const short = domain === 'docker.io' ? path.replace(/^library\//, '') : `${domain}/${path}`;
      return digest === undefined ? [`${short}:${tag}`] : [];
    });
    return [{ Config: pathOf(first.config), RepoTags: tags, Layers: first.layers.map(pathOf) }];
  });
}

function pathOf(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}

/** A blob as the content store gives it. @throws InfrastructureError at its end when it is not what its digest says */
async function* checked(client: Containerd, digest: string, size: number): AsyncGenerator<Uint8Array> {
  const [algorithm = ''] = digest.split(':');
  const hash = createHash(algorithm);
  let length = 0;
  for await (const { data } of client.stream('Content.Read', { digest })) {
    length += data.length;
    if (length > size) break;
    hash.update(data);
    yield data;
  }
  if (length === size && `${algorithm}:${hash.digest('hex')}` === digest) return;
  throw new InfrastructureError(`${digest} in containerd's content store is not what its digest says`, {
    reason: 'wrong_content',
    hint: 'Remove the images that have it, and pull them again.',
  });
}

async function* counting(chunks: AsyncIterable<Uint8Array>, counted: { bytes: number }): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    counted.bytes += chunk.length;
    yield chunk;
  }
}
