import type { Containerd } from '../containerd/client.ts';
import { isNotFound } from '../containerd/errors.ts';
import { readManifestOf } from './present.ts';
import { parseReference } from './reference.ts';

/** An image record of the namespace. */
export interface ListedImage {
  readonly name: string;
  readonly digest: string;
  /** When the record was made; ISO 8601, UTC. */
  readonly createdAt: string;
  /** Bytes of config and layers as they are transferred; `undefined` when the manifest is not present or cannot run here. */
  readonly bytes: number | undefined;
}

/** All image records of the namespace, by name. @throws ContainerdError */
export async function listImages(client: Containerd): Promise<readonly ListedImage[]> {
  const { images } = await client.call('Images.List', {});
  const listed = images.map(async ({ name, target, createdAt }) => ({
    name,
    digest: target?.digest ?? '',
    createdAt: new Date((createdAt?.seconds ?? 0) * 1000).toISOString(),
    bytes: target === null ? undefined : await sizeOf(client, name, target),
  }));
  return (await Promise.all(listed)).sort((one, other) => (one.name < other.name ? -1 : 1));
}

/** Removes the record of a reference, and waits until containerd has collected what nothing else keeps. False when there is none. @throws UserError, ContainerdError */
export async function removeImage(client: Containerd, reference: string): Promise<boolean> {
  try {
    await client.call('Images.Delete', { name: parseReference(reference).name, sync: true });
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

async function sizeOf(
  client: Containerd,
  name: string,
  target: Parameters<typeof readManifestOf>[2],
): Promise<number | undefined> {
  try {
    const found = await readManifestOf(client, name, target);
    return found?.manifest.layers.reduce((sum, { size }) => sum + size, found.manifest.config.size);
  } catch {
    // A record of another client may name anything; it is listed without a size.
    return undefined;
  }
}
