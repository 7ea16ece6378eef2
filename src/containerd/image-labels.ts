import type { Containerd } from './client.ts';
import { isNotFound } from './errors.ts';

/**
 * Sets labels on an image record and leaves its others as they are; one without a value goes. False when there is no such record.
 * @throws ContainerdError
 */
export async function setImageLabels(
  client: Containerd,
  name: string,
  labels: Readonly<Record<string, string>>,
): Promise<boolean> {
  // The mask keeps the target as it is, but an update without one ends containerd 1.7 and 2.x with a panic.
  const image = { name, labels, target: { mediaType: '', digest: '', size: 0 } };
  const paths = Object.keys(labels).map((key) => `labels.${key}`);
  try {
    await client.call('Images.Update', { image, updateMask: { paths } });
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}
