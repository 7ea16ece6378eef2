import type { Containerd } from '../containerd/client.ts';
import { isAlreadyExists, isNotFound } from '../containerd/errors.ts';
import type { Image } from '../gen/containerd.ts';
import type { Descriptor } from './manifest.ts';

/** On every image record of ours: never a label of the image itself, since some labels steer containerd. */
const labels = { 'componentd.managed': 'true' };

/** Makes the name stand for the target; the record is what keeps content and snapshots from then on. @throws ContainerdError */
export async function saveImage(client: Containerd, name: string, target: Descriptor): Promise<void> {
  const { mediaType, digest, size } = target;
  const image = { name, labels, target: { mediaType, digest, size } };
  for (;;) {
    try {
      await client.call('Images.Create', { image });
      return;
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    try {
      await client.call('Images.Update', { image, updateMask: { paths: ['target', 'labels'] } });
      return;
    } catch (error) {
      // Removed since the attempt to create it: once more from the start.
      if (!isNotFound(error)) throw error;
    }
  }
}

/** The image record of a normalised name, or `undefined`. @throws ContainerdError */
export async function findImage(client: Containerd, name: string): Promise<Image | undefined> {
  try {
    return (await client.call('Images.Get', { name })).image ?? undefined;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
