import { sleep } from '../base/abort.ts';
import type { Containerd, RequestOf, ResponseOf } from './client.ts';
import { hasCode } from './errors.ts';

/** Others tidy up and prepare at the same time: seven tries in about a second. */
const firstPauseMs = 10;
const longestPauseMs = 640;

/**
 * `Snapshots.Prepare` also on a containerd that was killed in the middle of one: it may have left a directory that its database does not
 * know, under the very number that comes next, and every later call fails until the snapshotter tidies up. @throws ContainerdError
 */
export async function prepareSnapshot(
  containerd: Containerd,
  request: RequestOf<'Snapshots.Prepare'>,
): Promise<ResponseOf<'Snapshots.Prepare'>> {
  for (let pauseMs = firstPauseMs; ; pauseMs *= 2) {
    try {
      return await containerd.call('Snapshots.Prepare', request);
    } catch (error) {
      const isWorthIt = hasCode(error, 'UNKNOWN') && pauseMs <= longestPauseMs;
      if (!isWorthIt || !(await tidyUp(containerd, request.snapshotter ?? ''))) throw error;
    }
    await sleep(pauseMs);
  }
}

/** Removes directories that belong to no snapshot. False when this snapshotter cannot; two that tidy up at once disturb each other, and try again. */
async function tidyUp(containerd: Containerd, snapshotter: string): Promise<boolean> {
  try {
    await containerd.call('Snapshots.Cleanup', { snapshotter });
    return true;
  } catch (error) {
    return !hasCode(error, 'UNIMPLEMENTED');
  }
}
