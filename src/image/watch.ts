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
const leastPauseMs = 2;

/**
 * Runs `work` while a layer unpacks, and aborts it when the layer takes more than it may. The next look is when the layer could be at its
 * limit at the earliest: a small layer under a large limit is never looked at, and one about to exceed its limit all the time. A look walks
 * the whole layer, so what is written during one comes on top; else looks take at most half of the time.
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
    let last: Look = { usage: nothingTaken, beganMs: performance.now(), endedMs: performance.now() };
    for (let before = last; ; ) {
      await sleep(pauseUntilNext(room, before, last), done.signal);
      const beganMs = performance.now();
      const usage = await usageOf(client, snapshotter, key);
      const refused = overLimit(image, room, usage);
      if (refused !== undefined) return tooLarge.abort(refused);
      before = last;
      last = { usage, beganMs, endedMs: performance.now() };
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

/** What was found, and when, in milliseconds. */
export interface Look {
  readonly usage: Usage;
  readonly beganMs: number;
  readonly endedMs: number;
}

/** Milliseconds until the next look, after the last one and the one before it. */
export function pauseUntilNext(room: Room, before: Look, last: Look): number {
  const left = headroom(room, last.usage);
  const elapsed = last.endedMs - before.endedMs;
  const grown = { bytes: last.usage.bytes - before.usage.bytes, files: last.usage.files - before.usage.files };
  const atThisPace = Math.min(
    ...(['bytes', 'files'] as const).map((what) => (grown[what] > 0 ? (left[what] / grown[what]) * elapsed : Infinity)),
  );
  const rest = Math.min(last.endedMs - last.beganMs, atThisPace / 2);
  return Math.max(leastPauseMs, rest, Math.min(left.bytes / fastest.bytesPerMs, left.files / fastest.filesPerMs));
}
