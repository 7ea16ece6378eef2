import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Containerd } from '../containerd/client.ts';
import { writableLayer } from './rootfs-mounts.ts';

/** Ours, see etc-files.ts. */
const given = new Set(['/etc/hosts', '/etc/hostname', '/etc/resolv.conf']);
const maxEntries = 10_000;

/**
 * Paths of files that a container wrote, changed or removed in its own root, without what lies on a mount; at most `most` of them, found
 * among the first 10,000 entries. Empty where the snapshotter is no overlay. To be called when the container has ended and is not removed.
 */
export async function writtenInRoot(
  client: Containerd,
  { id, snapshotter, most }: { readonly id: string; readonly snapshotter: string; readonly most: number },
): Promise<readonly string[]> {
  const { mounts } = await client.call('Snapshots.Mounts', { snapshotter, key: id });
  const layer = mounts[0]?.type === 'overlay' ? writableLayer(mounts) : undefined;
  const found: string[] = [];
  let left = maxEntries;
  const walk = async (path: string): Promise<void> => {
    for await (const entry of await opendir(join(layer ?? '', path))) {
      left -= 1;
      if (left < 0 || found.length >= most) return;
      const below = join(path, entry.name);
      if (entry.isDirectory()) await walk(below).catch(whenUnreadable);
      else if (!given.has(below)) found.push(below);
    }
  };
  if (layer !== undefined) await walk('/');
  return found;
}

/** Too deep for a path, or of a name that is no text: somebody else's joke, and not worth a failure. */
function whenUnreadable(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENAMETOOLONG' && error.code !== 'ENOENT') throw error;
}
