import type { Emit } from '../base/events.ts';
import type { ImageLimits } from '../base/image-limits.ts';
import type { Containerd } from '../containerd/client.ts';
import { type FetchLayer, startDownloads } from './downloads.ts';
import { Flush } from './durable.ts';
import type { Descriptor } from './manifest.ts';
import { layerProgress } from './progress.ts';
import type { Turns } from './turns.ts';
import { countUnpacked, unpackLayer } from './unpack.ts';
import { addUsage, nothingTaken, overLimit, type Room, type Usage, usageOf } from './unpack-limits.ts';

export interface Layers {
  readonly image: string;
  /** From the bottom up, as are the two lists beside it. */
  readonly layers: readonly Descriptor[];
  readonly diffIds: readonly string[];
  readonly chain: readonly string[];
  readonly lease: string;
  readonly snapshotter: string;
  readonly limits: ImageLimits;
  readonly turns: Turns;
  readonly fetch: FetchLayer;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/**
 * Makes sure that the whole chain is unpacked and kept by the lease. Layers below the highest present snapshot are not even fetched; the
 * others are while those below them are applied. A layer that fails stops the others.
 */
export async function unpackLayers(client: Containerd, work: Layers): Promise<void> {
  const { image, layers, diffIds, chain, lease, snapshotter, turns, emit, limits } = work;
  const present = await countUnpacked(client, work, chain);
  const progress = layers.map((layer) => layerProgress(emit, image, layer));
  for (const layer of progress.slice(0, present)) layer.is('exists');
  const usages = await Promise.all(chain.slice(0, present).map((chainId) => usageOf(client, snapshotter, chainId)));
  let below = usages.reduce(addUsage, nothingTaken);

  const stop = new AbortController();
  const signal = AbortSignal.any([work.signal, stop.signal]);
  const missing = layers.map((layer, index) => ({ layer, index })).slice(present);
  const downloads = startDownloads(work.fetch, {
    missing: missing.map(({ layer }) => layer),
    progress: progress.slice(present),
    signal,
  });
  const flush = new Flush();
  try {
    for (const { layer, index } of missing) {
      const chainId = chain[index] as string;
      const result = await turns.run(`snapshot ${snapshotter} ${chainId}`, signal, () =>
        unpackLayer(client, {
          lease,
          snapshotter,
          chainId,
          parent: chain[index - 1] ?? '',
          diffId: diffIds[index] as string,
          layer,
          room: { limits, below },
          flush,
          downloaded: () => downloads[index - present] as Promise<void>,
          onApply: () => progress[index]?.is('unpacking'),
          image,
          emit,
          signal,
        }),
      );
      below = await grown(client, { image, snapshotter, chainId, room: { limits, below } });
      progress[index]?.is(result === 'unpacked' ? 'unpacked' : 'exists');
    }
    await Promise.all(downloads);
    await flush.finish(client, snapshotter, chain);
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(downloads);
    throw error;
  }
}

interface Grown {
  readonly image: string;
  readonly snapshotter: string;
  readonly chainId: string;
  readonly room: Room;
}

/** What the layers take now that this one is there. A layer may be done, or be another's, before anybody looked at it. */
async function grown(client: Containerd, { image, snapshotter, chainId, room }: Grown): Promise<Usage> {
  const usage = await usageOf(client, snapshotter, chainId);
  const refused = overLimit(image, room, usage);
  if (refused !== undefined) throw refused;
  return addUsage(room.below, usage);
}
