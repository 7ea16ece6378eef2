import type { Emit } from '../base/events.ts';
import { defaultLimits, type ImageLimits } from '../base/image-limits.ts';
import type { SignatureRules } from '../base/image-trust.ts';
import type { Containerd } from '../containerd/client.ts';
import { type AccessRules, accessRulesOf } from './access.ts';
import type { ExportedArchive, ExportRequest } from './archive/export.ts';
import type { ImportRequest } from './archive/import.ts';
import type { Building } from './build/build.ts';
import type { BuildRequest } from './build/types.ts';
import { ensureImage } from './ensure.ts';
import { noteUse } from './last-use.ts';
import { type MakeRoom, withRoom } from './room.ts';
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
  /** See `exportImages`; what is missing of an image is fetched from its registry. */
  export(request: ExportRequest, call: ImageCall): Promise<ExportedArchive>;
  /** See `buildImage`. */
  build(request: BuildRequest, call: ImageCall & { readonly building: Building }): Promise<ReadyImage>;
}

export interface ImagesOptions {
  /** `overlayfs` unless told otherwise. */
  readonly snapshotter?: string;
  /** How much one image may take; the defaults of `images.limits` unless told otherwise. */
  readonly limits?: ImageLimits;
  /** Secrets for registries, besides what a request brings along; none when absent. */
  readonly credentials?: CredentialSource;
  /** Folder in which the operator says which hosts serve a registry, see `readHosts`; containerd's own when absent. */
  readonly hostsDirectory?: string;
  /** When a registry must say again that it gives an image to whoever asks; after a day unless told otherwise. */
  readonly access?: AccessRules;
  /** Whose signatures are asked for; nobody's when absent. */
  readonly signatures?: SignatureRules;
  /** Called when the disk is full; nothing is tried when absent. */
  readonly makeRoom?: MakeRoom;
}

export function createImages(client: Containerd, options: ImagesOptions = {}): Images {
  const defaults = { snapshotter: 'overlayfs', limits: defaultLimits, access: accessRulesOf() };
  const place = { ...defaults, ...options, turns: new Turns() };
  const ensure: Images['ensure'] = async (request, call) => {
    const image = await withRoom(call, options.makeRoom, (each) => ensureImage(client, request, { ...each, ...place }));
    noteUse(client, image.name);
    return image;
  };
  return {
    ensure,
    build: async (request, call) => {
      const { buildImage } = await import('./build/build.ts');
      return buildImage(client, request, {
        ...call,
        ...place,
        ensure: (base, signal) => ensure(base, { ...call, signal }),
      });
    },
    import: async (request, call) => {
      const { importArchive } = await import('./archive/import.ts');
      // Standard input cannot be read twice.
      const makeRoom = typeof request.source === 'string' ? options.makeRoom : undefined;
      return withRoom(call, makeRoom, (each) => importArchive(client, request, { ...each, ...place }));
    },
    export: async (request, call) => {
      const { exportImages } = await import('./archive/export.ts');
      return exportImages(client, request, {
        ...call,
        complete: async (image, lease) => {
          const { completeImage } = await import('./archive/complete.ts');
          await completeImage(client, image, { ...call, ...place, lease });
        },
      });
    },
  };
}
