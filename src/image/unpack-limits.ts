import { UserError } from '../base/errors.ts';
import type { ImageLimits } from '../base/image-limits.ts';
import type { Containerd } from '../containerd/client.ts';

/** What layers take on the disk. */
export interface Usage {
  readonly bytes: number;
  /** Inodes: files, directories, links. */
  readonly files: number;
}

/** The limits of an image, and what those of its layers take already that lie below the one in question. */
export interface Room {
  readonly limits: ImageLimits;
  readonly below: Usage;
}

export const nothingTaken: Usage = { bytes: 0, files: 0 };

/** What a snapshot takes itself, without those below it. A committed one knows; one in the making is walked. @throws ContainerdError */
export async function usageOf(client: Containerd, snapshotter: string, key: string): Promise<Usage> {
  const { size, inodes } = await client.call('Snapshots.Usage', { snapshotter, key }, { deadlineMs: 60_000 });
  return { bytes: size, files: inodes };
}

export function addUsage(one: Usage, other: Usage): Usage {
  return { bytes: one.bytes + other.bytes, files: one.files + other.files };
}

/** How much the layer may still grow, for the limit that it meets first. Negative when it is over it. */
export function headroom({ limits, below }: Room, layer: Usage): Usage {
  const all = addUsage(below, layer);
  return {
    bytes: Math.min(limits.layerSize - layer.bytes, limits.imageSize - all.bytes),
    files: Math.min(limits.layerFiles - layer.files, limits.imageFiles - all.files),
  };
}

/** Why a layer that takes so much is refused; `undefined` while it is within all limits. */
export function overLimit(image: string, room: Room, layer: Usage): UserError | undefined {
  const { limits, below } = room;
  const all = addUsage(below, layer);
  const checks = [
    ['layerSize', layer.bytes, 'a layer of it unpacks to more than', 'bytes'],
    ['imageSize', all.bytes, 'its layers unpack to more than', 'bytes together'],
    ['layerFiles', layer.files, 'a layer of it unpacks to more than', 'files'],
    ['imageFiles', all.files, 'its layers unpack to more than', 'files together'],
  ] as const;
  const exceeded = checks.find(([name, taken]) => taken > limits[name]);
  if (exceeded === undefined) return undefined;
  const [name, , what, unit] = exceeded;
  return new UserError(`${image} cannot be used: ${what} ${limits[name]} ${unit}`, {
    reason: 'quota',
    hint: `Use a smaller image; the operator may allow more by images.limits.${name}.`,
  });
}
