import type { Containerd } from '../containerd/client.ts';
import { isAlreadyExists, isNotFound } from '../containerd/errors.ts';
import type { Image } from '../gen/containerd.ts';
import { leavingLabel, untilDecided } from './collection/leaving.ts';
import { lastUsedLabel } from './last-use.ts';
import type { Descriptor } from './manifest.ts';

/** On every image record of ours: never a label of the image itself, since some labels steer containerd. */
function labelsNow(): Readonly<Record<string, string>> {
  return { 'componentd.managed': 'true', [lastUsedLabel]: new Date().toISOString() };
}

/** Labels of ours on an image record, by key. */
export type RecordLabels = Readonly<Record<string, string>>;

/** Makes the name stand for the target; the record is what keeps content and snapshots from then on. @throws ContainerdError */
export async function saveImage(
  client: Containerd,
  name: string,
  target: Descriptor,
  more: RecordLabels = {},
): Promise<void> {
  const { mediaType, digest, size } = target;
  const image = { name, labels: { ...labelsNow(), ...more }, target: { mediaType, digest, size } };
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

/**
 * The image record of a normalised name, or `undefined`. One that is about to be removed is waited for until that is done, or given up:
 * what this answers stays for whoever has said beforehand, in a journal or on a container, that he needs it. @throws ContainerdError
 */
export async function findImage(client: Containerd, name: string): Promise<Image | undefined> {
  const image = await readImage(client, name);
  if (image === undefined || image.labels[leavingLabel] === undefined) return image;
  await untilDecided(client, async () => (await readImage(client, name))?.labels[leavingLabel] !== undefined, name);
  return await readImage(client, name);
}

/** The image record as it is at the moment. */
export async function readImage(client: Containerd, name: string): Promise<Image | undefined> {
  try {
    return (await client.call('Images.Get', { name })).image ?? undefined;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
