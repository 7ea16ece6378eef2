import { UserError } from '../../base/errors.ts';
import type { Containerd } from '../../containerd/client.ts';
import { isNotFound } from '../../containerd/errors.ts';
import type { Descriptor } from '../manifest.ts';
import { readManifestOf } from '../present.ts';
import { findImage } from '../record.ts';
import { parseReference, type Reference } from '../reference.ts';

/** An image as it goes into an archive. */
export interface Exported {
  readonly reference: Reference;
  /** What the record stands for: an index or a manifest. */
  readonly target: Descriptor;
  readonly manifestDigest: string;
  readonly config: string;
  /** From the bottom up. */
  readonly layers: readonly string[];
  /** All blobs, the documents first; of an index only what runs here. */
  readonly blobs: readonly Pick<Descriptor, 'digest' | 'size'>[];
  /** Those of the blobs that the content store does not have. */
  readonly missing: readonly Descriptor[];
}

/** @throws UserError with every name that has no image, or for one that cannot run here */
export async function findExported(client: Containerd, references: readonly string[]): Promise<readonly Exported[]> {
  const parsed = references.map(parseReference);
  const unique = parsed.filter(({ name }, index) => parsed.findIndex((other) => other.name === name) === index);
  const records = await Promise.all(
    unique.map(async (reference) => ({ reference, image: await findImage(client, reference.name) })),
  );
  const unknown = records.filter(({ image }) => image === undefined).map(({ reference }) => reference.name);
  if (unknown.length > 0)
    throw new UserError(`there is no image ${unknown.join(', ')} here`, {
      reason: 'image_not_present',
      hint: 'See `componentd image ls`; `componentd image pull` gets one.',
    });
  const found: Exported[] = [];
  for (const { reference, image } of records) {
    if (image?.target) found.push(await contentsOf(client, reference, image.target));
  }
  return found;
}

async function contentsOf(client: Containerd, reference: Reference, target: Descriptor): Promise<Exported> {
  const { name } = reference;
  const found = await readManifestOf(client, name, target);
  if (found === undefined) {
    throw new UserError(`${name} is not complete: its manifest is missing, or is for other platforms only`, {
      reason: 'image_not_present',
      hint: `Pull it once more: componentd image pull ${name}`,
    });
  }
  const { manifest, manifestDigest } = found;
  const { config, layers } = manifest;
  const documents = [...new Set([target.digest, manifestDigest])];
  const sizes = await Promise.all(
    documents.map(async (digest) => ({ digest, size: (await sizeOf(client, digest)) ?? 0 })),
  );
  const parts = [config, ...layers];
  const present = await Promise.all(parts.map(({ digest }) => sizeOf(client, digest)));
  return {
    reference,
    target,
    manifestDigest,
    config: config.digest,
    layers: layers.map(({ digest }) => digest),
    blobs: [...sizes, ...parts],
    missing: parts.filter((_, index) => present[index] === undefined),
  };
}

async function sizeOf(client: Containerd, digest: string): Promise<number | undefined> {
  try {
    return (await client.call('Content.Info', { digest })).info?.size;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
