import type { Containerd, RequestOf, ResponseOf } from './client.ts';
import { hasCode } from './errors.ts';

/**
 * `Snapshots.Prepare` also on a containerd that was killed in the middle of one: it may have left a directory that its database does not
 * know, under the very number that comes next, and every later call fails until the snapshotter tidies up. @throws ContainerdError
 */
export async function prepareSnapshot(
  containerd: Containerd,
  request: RequestOf<'Snapshots.Prepare'>,
): Promise<ResponseOf<'Snapshots.Prepare'>> {
  try {
    return await containerd.call('Snapshots.Prepare', request);
  } catch (error) {
    if (!hasCode(error, 'UNKNOWN')) throw error;
    const isTidy = await tidyUp(containerd, request.snapshotter ?? '');
    if (!isTidy) throw error;
    return await containerd.call('Snapshots.Prepare', request);
  }
}

/** Removes directories that belong to no snapshot, which not every snapshotter can. */
async function tidyUp(containerd: Containerd, snapshotter: string): Promise<boolean> {
  try {
    await containerd.call('Snapshots.Cleanup', { snapshotter });
    return true;
  } catch {
    return false;
  }
}
