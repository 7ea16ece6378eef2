import type { Containerd } from '../containerd/client.ts';
import { setImageLabels } from '../containerd/image-labels.ts';
import type { Image } from '../gen/containerd.ts';

/** On an image record: when somebody last wanted it; ISO 8601, UTC. */
export const lastUsedLabel = 'componentd.lastUsed';

/** Writes down that an image is used now. Nobody waits for it, and a failure costs nothing but the order in which images are collected. */
export function noteUse(client: Containerd, name: string): void {
  setImageLabels(client, name, { [lastUsedLabel]: new Date().toISOString() }).catch(() => undefined);
}

/** When an image was last wanted, in milliseconds since 1970; of one that another client made, when that was. */
export function lastUseOf({ labels, updatedAt }: Pick<Image, 'labels' | 'updatedAt'>): number {
  const noted = Date.parse(labels[lastUsedLabel] ?? '');
  return Number.isNaN(noted) ? (updatedAt?.seconds ?? 0) * 1000 : noted;
}
