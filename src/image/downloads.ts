import { sleep } from '../base/abort.ts';
import { Semaphore } from '../base/semaphore.ts';
import type { BlobProgress } from './content.ts';
import type { Descriptor } from './manifest.ts';
import type { LayerProgress } from './progress.ts';

/** Brings a layer's blob into the content store. */
export type FetchLayer = (layer: Descriptor, progress: BlobProgress, signal: AbortSignal) => Promise<unknown>;

interface Downloads {
  /** From the bottom up. */
  readonly missing: readonly Descriptor[];
  readonly progress: readonly LayerProgress[];
  readonly signal: AbortSignal;
}

const atOnce = 3;
/** A download that is as fast as this would only be slowed down by another, and its layer is wanted first. */
const fullBytesPerMs = 16 * 1024;
const firstLookMs = 20;
/** Longer than the pause in which a blob is written to the disk. */
const lookMs = 120;

/**
 * Begins the download of every layer in their order, at most three at a time: the next one when one is done, or as soon as those under way
 * leave room for it. Answers one promise for each layer; a failure is for whoever awaits it.
 */
export function startDownloads(fetch: FetchLayer, { missing, progress, signal }: Downloads): readonly Promise<void>[] {
  const slots = new Semaphore(atOnce);
  let mayBegin: Promise<unknown> = Promise.resolve();
  return missing.map((layer, index) => {
    const { downloading, waiting, is } = progress[index] as LayerProgress;
    const pace = { bytes: 0 };
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const download = mayBegin.then(() =>
      slots.run(async () => {
        signal.throwIfAborted();
        begin();
        const onProgress = (bytes: number): void => {
          pace.bytes = bytes;
          downloading(bytes);
        };
        await fetch(layer, { onProgress, onWait: waiting }, signal);
        is('downloaded');
      }),
    );
    // Whoever applies the layer sees the failure; until then it must not count as unhandled.
    const over = download.catch(() => {});
    mayBegin = Promise.race([over, begun.then(() => untilSlow(pace, over))]);
    return download;
  });
}

/** Resolves when a download brings less than one that has the whole line to itself, or is over. */
async function untilSlow(pace: { readonly bytes: number }, over: Promise<void>): Promise<void> {
  const state = { isOver: false };
  over.then(() => {
    state.isOver = true;
  });
  for (let before = 0, ms = firstLookMs; !state.isOver; before = pace.bytes, ms = lookMs) {
    await sleep(ms);
    if (pace.bytes - before < fullBytesPerMs * ms) return;
  }
}
