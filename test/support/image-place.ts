import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { collectionRules } from '../../src/base/collection-settings.ts';
import type { JobEvent } from '../../src/base/events.ts';
import { type Containerd, connectContainerd } from '../../src/containerd/client.ts';
import { createImages, type Images } from '../../src/image/images.ts';
import { createLocalImages, type LocalImages } from '../../src/image/local.ts';
import type { ImageRequest, ReadyImage } from '../../src/image/types.ts';
import { expectNothingLeft } from './nothing-left.ts';

/** A namespace for one test of images, a folder for its files, and the events it caused. */
export interface ImagePlace {
  readonly client: Containerd;
  readonly images: Images;
  /** Nobody needs any of them. */
  readonly local: LocalImages;
  readonly directory: string;
  readonly events: JobEvent[];
  readonly call: { readonly emit: (event: JobEvent) => void; readonly signal: AbortSignal };
  ensure(reference: string, more?: Partial<ImageRequest>): Promise<ReadyImage>;
  /** Digests of all content of the namespace. */
  content(): Promise<readonly string[]>;
  /** Names of all snapshots of the namespace. */
  snapshots(): Promise<readonly string[]>;
  /** Removes all images, then fails unless containerd has collected everything. */
  leave(): Promise<void>;
}

let places = 0;

export async function openImagePlace(address: string): Promise<ImagePlace> {
  places += 1;
  const namespace = `image-${process.pid}-${places}`;
  const client = connectContainerd({ address, namespace });
  const images = createImages(client);
  const local = createLocalImages(client, {
    snapshotter: 'overlayfs',
    rules: collectionRules(),
    findNeeds: async () => [],
  });
  const directory = await mkdtemp(join(tmpdir(), 'componentd-test-image-'));
  const events: JobEvent[] = [];
  const call = { emit: (event: JobEvent) => void events.push(event), signal: new AbortController().signal };
  const place: ImagePlace = {
    client,
    images,
    local,
    directory,
    events,
    call,
    ensure: (reference, more) => images.ensure({ reference, policy: 'missing', ...more }, call),
    content: async () => {
      const digests: string[] = [];
      for await (const { info } of client.stream('Content.List', {})) digests.push(...info.map(({ digest }) => digest));
      return digests.sort();
    },
    snapshots: async () => {
      const names: string[] = [];
      for await (const { info } of client.stream('Snapshots.List', { snapshotter: 'overlayfs' })) {
        names.push(...info.map(({ name }) => name));
      }
      return names.sort();
    },
    leave: async () => {
      try {
        await expectNothingLeft({ address, namespace, cgroupPrefix: '/componentd-none', tempDirectory: directory });
        await removeEverything(client);
        const rest = [...(await place.content()), ...(await place.snapshots())];
        if (rest.length > 0) throw new Error(`containerd still keeps ${rest.join(', ')}`);
      } finally {
        client.close();
        await rm(directory, { recursive: true, force: true });
      }
    },
  };
  return place;
}

/** A lease that is deleted synchronously makes containerd collect; so do images. */
export async function removeEverything(client: Containerd): Promise<void> {
  const { images } = await client.call('Images.List', {});
  for (const { name } of images) await client.call('Images.Delete', { name });
  await collect(client);
}

export async function collect(client: Containerd): Promise<void> {
  const id = `collect-${Date.now()}`;
  await client.call('Leases.Create', { id });
  await client.call('Leases.Delete', { id, sync: true });
}
