import { InfrastructureError } from '../../base/errors.ts';
import type { Containerd } from '../../containerd/client.ts';
import { parseConfig } from '../config.ts';
import { readBlob } from '../content.ts';
import { type Descriptor, type Manifest, maxConfigBytes, maxManifestBytes } from '../manifest.ts';
import { readManifestOf } from '../present.ts';
import { findImage } from '../record.ts';
import type { ReadyImage } from '../types.ts';
import { blobFile, type TarFile, textFiles } from './tar.ts';

/** An image that a Dockerfile is based on, as it lies in the content store. */
export interface BaseImage {
  /** As the Dockerfile names it. */
  readonly reference: string;
  readonly digest: string;
  readonly manifest: Manifest;
  readonly manifestDigest: string;
  /** One for each layer of the manifest. */
  readonly diffIds: readonly string[];
}

/** @throws InfrastructureError when it was removed meanwhile, or its name stands for another image */
export async function readBase(client: Containerd, reference: string, image: ReadyImage): Promise<BaseImage> {
  const target = (await findImage(client, image.name))?.target;
  // Nobody has said that what the name stands for by now may be used.
  const found = target?.digest === image.digest ? await readManifestOf(client, image.name, target) : undefined;
  const config = found && (await readBlob(client, found.manifest.config.digest, maxConfigBytes));
  if (found === undefined || config === undefined) {
    throw new InfrastructureError(`the image ${image.name} was removed or replaced while it was needed`, {
      hint: 'Run the job again.',
    });
  }
  const { diffIds } = parseConfig(config, image.name);
  return { reference, digest: image.digest, ...found, diffIds };
}

/** The OCI layout (image-layout.md) of one image, as files below `folder`. */
export async function* layoutOf(client: Containerd, folder: string, base: BaseImage): AsyncGenerator<TarFile> {
  const { manifest, manifestDigest } = base;
  const bytes = (await readBlob(client, manifestDigest, maxManifestBytes)) ?? Buffer.alloc(0);
  const text = bytes.toString('utf8');
  const index = {
    schemaVersion: 2,
    manifests: [{ mediaType: mediaTypeOf(text), digest: manifestDigest, size: bytes.length }],
  };
  yield* textFiles([
    { name: `${folder}/oci-layout`, text: '{"imageLayoutVersion":"1.0.0"}' },
    { name: `${folder}/index.json`, text: JSON.stringify(index) },
  ]);
  const sent = new Set<string>();
  for (const blob of [{ digest: manifestDigest, size: bytes.length }, manifest.config, ...manifest.layers]) {
    if (sent.has(blob.digest)) continue;
    sent.add(blob.digest);
    yield blobFile(client, `${folder}/blobs/${blob.digest.replace(':', '/')}`, blob);
  }
}

/** The content store keeps no media types. */
function mediaTypeOf(manifest: string): string {
  const { mediaType } = JSON.parse(manifest) as { readonly mediaType?: unknown };
  return typeof mediaType === 'string' ? mediaType : 'application/vnd.oci.image.manifest.v1+json';
}

/** Layers that need not be made again, by what they unpack to. */
export function knownLayers(bases: readonly BaseImage[]): ReadonlyMap<string, Descriptor> {
  return new Map(
    bases.flatMap(({ diffIds, manifest }) =>
      diffIds.flatMap((diffId, index) => {
        const layer = manifest.layers[index];
        return layer === undefined ? [] : [[diffId, layer] as const];
      }),
    ),
  );
}
