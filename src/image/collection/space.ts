import { statfs } from 'node:fs/promises';
import type { Containerd } from '../../containerd/client.ts';

/**
 * Bytes that are free for containerd's layers and blobs, on the fuller of their file systems; `undefined` when containerd keeps them where this
 * process does not see them. @throws ContainerdError
 */
export async function freeBytes(client: Containerd, snapshotter: string): Promise<number | undefined> {
  const filters = [
    `type==io.containerd.snapshotter.v1,id==${snapshotter}`,
    'type==io.containerd.content.v1,id==content',
  ];
  const { plugins } = await client.call('Introspection.Plugins', { filters });
  const found: number[] = [];
  for (const { exports } of plugins) {
    const free = exports.root === undefined ? undefined : await freeAt(exports.root);
    if (free !== undefined) found.push(free);
  }
  return found.length === 0 ? undefined : Math.min(...found);
}

/** What anybody may use, not what is kept for root. */
async function freeAt(path: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}
