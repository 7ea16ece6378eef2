import { sleep } from '../base/abort.ts';
import { UserError } from '../base/errors.ts';
import type { Containerd } from '../containerd/client.ts';

export interface UnpackWatch {
  readonly snapshotter: string;
  readonly key: string;
  readonly maxBytes: number;
  /** The image's name, for the error. */
  readonly image: string;
  readonly signal: AbortSignal;
}

const firstLookMs = 500;
/** Looking walks the whole layer: it takes at most this share of the time. */
const share = 0.1;
const maxInodes = 2_000_000;

/**
 * Runs `work` while a layer unpacks, and aborts it when the layer takes more than `maxBytes` of disk or two million files.
 * What may come between two looks comes on top.
 * @throws UserError with reason `quota`, whatever `work` throws, or the signal's reason
 */
export async function watchUnpack<T>(
  client: Containerd,
  watch: UnpackWatch,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { snapshotter, key, maxBytes, image } = watch;
  const tooLarge = new AbortController();
  const done = new AbortController();
  const signal = AbortSignal.any([watch.signal, tooLarge.signal]);
  const looking = (async () => {
    for (let pause = firstLookMs; ; ) {
      await sleep(pause, done.signal);
      const started = performance.now();
      const { size, inodes } = await client.call('Snapshots.Usage', { snapshotter, key }, { deadlineMs: 60_000 });
      if (size > maxBytes || inodes > maxInodes) {
        const limit = size > maxBytes ? `${maxBytes} bytes` : `${maxInodes} files`;
        tooLarge.abort(
          new UserError(`${image} cannot be used: a layer of it unpacks to more than ${limit}`, { reason: 'quota' }),
        );
        return;
      }
      pause = Math.max(firstLookMs, (performance.now() - started) / share);
    }
  })();
  // A look that fails says nothing about the layer, and the work fails by itself when containerd is gone.
  const looked = looking.catch(() => {});
  try {
    return await work(signal);
  } finally {
    done.abort();
    await looked;
  }
}
