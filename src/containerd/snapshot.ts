import { sleep } from '../base/abort.ts';
import type { CallOptions, Containerd, RequestOf, ResponseOf } from './client.ts';
import { hasCode } from './errors.ts';

/** Five tries in a third of a second. */
const firstPauseMs = 20;
const longestPauseMs = 160;

/**
 * `Snapshots.Prepare` also on a containerd that was killed in the middle of one: it may have left a directory that its database does not
 * know, under the very number that comes next. The call that meets it fails and removes it, so another try succeeds. @throws ContainerdError
 */
export async function prepareSnapshot(
  containerd: Containerd,
  request: RequestOf<'Snapshots.Prepare'>,
  options: CallOptions = {},
): Promise<ResponseOf<'Snapshots.Prepare'>> {
  for (let pauseMs = firstPauseMs; ; pauseMs *= 2) {
    try {
      return await containerd.call('Snapshots.Prepare', request, options);
    } catch (error) {
      if (!hasCode(error, 'UNKNOWN') || pauseMs > longestPauseMs) throw error;
    }
    await sleep(pauseMs);
  }
}
