import type { Emit } from '../base/events.ts';
import { defaultLimits, type ImageLimits } from '../base/image-limits.ts';
import type { Containerd } from '../containerd/client.ts';
import type { ImportRequest } from './archive/import.ts';
import { ensureImage } from './ensure.ts';
import { type ListedImage, listImages, removeImage } from './list.ts';
import { Turns } from './turns.ts';
import type { CredentialSource, ImageRequest, ReadyImage } from './types.ts';

export interface ImageCall {
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** The images of one containerd namespace. Calls may run at the same time: a layer is fetched and unpacked once however many want it. */
export interface Images {
  /** See `ensureImage`. */
  ensure(request: ImageRequest, call: ImageCall): Promise<ReadyImage>;
  /** See `importArchive`. */
  import(request: ImportRequest, call: ImageCall): Promise<readonly ReadyImage[]>;
  list(): Promise<readonly ListedImage[]>;
  /** Whether there was one to remove. */
  remove(reference: string): Promise<boolean>;
}

export interface ImagesOptions {
  /** `overlayfs` unless told otherwise. */
  readonly snapshotter?: string;
  /** How much one image may take; the defaults of `images.limits` unless told otherwise. */
  readonly limits?: ImageLimits;
  /** Secrets for registries, besides what a request brings along; none when absent. */
  readonly credentials?: CredentialSource;
}

export function createImages(client: Containerd, options: ImagesOptions = {}): Images {
  const place = { snapshotter: 'overlayfs', limits: defaultLimits, ...options, turns: new Turns() };
  return {
    ensure: (request, call) => ensureImage(client, request, { ...call, ...place }),
    import: async (request, call) => {
      const { importArchive } = await import('./archive/import.ts');
      return importArchive(client, request, { ...call, ...place });
    },
    list: () => listImages(client),
    remove: (reference) => removeImage(client, reference),
  };
}
