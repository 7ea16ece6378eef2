import { InfrastructureError } from '../base/errors.ts';
import type { Emit } from '../base/events.ts';
import { ulid } from '../base/ids.ts';
import { Scope } from '../base/scope.ts';
import type { Containerd } from '../containerd/client.ts';
import { isNotFound } from '../containerd/errors.ts';
import { withLease } from './leased.ts';
import { lowerDirectories } from './rootfs.ts';
import type { ReadyImage } from './types.ts';

/**
 * Shows the directories of an image's layers to `look`, the topmost first, without mounting them; none for an image without layers. They
 * hold what the image's author wants: see `findInLayers` for the way to a path. Works on the daemon's host only.
 */
export async function withLayers<T>(
  client: Containerd,
  { image, emit }: { readonly image: ReadyImage; readonly emit: Emit },
  look: (layers: readonly string[]) => Promise<T>,
): Promise<T> {
  const { chainId, snapshotter } = image;
  if (chainId === '') return await look([]);
  return withLease(client, emit, async (lease) => {
    const key = `view-${ulid()}`;
    await using scope = new Scope(emit);
    scope.own(`snapshot ${key}`, () => removeView(client, snapshotter, key));
    const { mounts } = await client.call('Snapshots.View', { snapshotter, key, parent: chainId }, { lease });
    const layers = lowerDirectories(mounts);
    if (layers !== undefined) return await look(layers);
    throw new InfrastructureError(
      `the snapshotter ${snapshotter} does not show its directories, so what is in ${image.name} cannot be read`,
      { hint: 'Run the image under a numeric user, or use overlayfs.' },
    );
  });
}

async function removeView(client: Containerd, snapshotter: string, key: string): Promise<void> {
  try {
    await client.call('Snapshots.Remove', { snapshotter, key });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
