import { sleep } from '../base/abort.ts';
import type { Containerd } from '../containerd/client.ts';
import { headroom, nothingTaken, overLimit, type Room, type Usage, usageOf } from './unpack-limits.ts';

export interface UnpackWatch {
  readonly snapshotter: string;
  readonly key: string;
  readonly room: Room;
  /** The image's name, for the error. */
  readonly image: string;
  readonly signal: AbortSignal;
}

/** No layer grows faster: it is decompressed, hashed and written by one thread. */
const fastest = { bytesPerMs: 2_000_000, filesPerMs: 100 } as const;
const leastPauseMs = 10;

/**
 * Runs `work` while a layer unpacks, and aborts it when the layer takes more than it may. The next look is when the layer could be at its
 * limit at the earliest: a small layer under a large limit is never looked at, and one close to its limit all the time. A look walks the whole
 * layer, so what is written during one comes on top; looks take at most half of the time.
 * @throws UserError with reason `quota`, whatever `work` throws, or the signal's reason
 */
export async function watchUnpack<T>(
  client: Containerd,
  watch: UnpackWatch,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { snapshotter, key, room, image } = watch;
  const tooLarge = new AbortController();
  const done = new AbortController();
  const signal = AbortSignal.any([watch.signal, tooLarge.signal]);
  const looking = (async () => {
    for (let pause = pauseUntilNext(room, nothingTaken, 0); ; ) {
      await sleep(pause, done.signal);
      const started = performance.now();
      const usage = await usageOf(client, snapshotter, key);
      const refused = overLimit(image, room, usage);
      if (refused !== undefined) return tooLarge.abort(refused);
      pause = pauseUntilNext(room, usage, performance.now() - started);
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

/** Milliseconds until the next look, when the last one took `costMs`. */
export function pauseUntilNext(room: Room, usage: Usage, costMs: number): number {
  const { bytes, files } = headroom(room, usage);
  return Math.max(leastPauseMs, costMs, Math.min(bytes / fastest.bytesPerMs, files / fastest.filesPerMs));
}
