import type { Emit, JobEvent } from '../base/events.ts';
import type { Descriptor } from './manifest.ts';

type LayerStatus = Extract<JobEvent, { type: 'layer' }>['status'];

export interface LayerProgress {
  /** A change of state: always an event. */
  is(status: Exclude<LayerStatus, 'downloading' | 'waiting'>): void;
  /** Bytes that have come: an event at most every 100 ms. */
  downloading(bytes: number): void;
  /** Bytes that another process has, which fetches the layer. */
  waiting(bytes: number): void;
}

const everyMs = 100;

/** Tells about one layer of an image as it comes in. */
export function layerProgress(emit: Emit, image: string, { digest, size }: Descriptor): LayerProgress {
  let last = Number.NEGATIVE_INFINITY;
  const tell = (status: LayerStatus, bytes: number): void => {
    const now = performance.now();
    if (now - last < everyMs) return;
    last = now;
    emit({ type: 'layer', image, digest, status, bytes, total: size });
  };
  return {
    is: (status) => emit({ type: 'layer', image, digest, status, bytes: size, total: size }),
    downloading: (bytes) => tell('downloading', bytes),
    waiting: (bytes) => tell('waiting', bytes),
  };
}
