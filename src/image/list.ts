import type { Containerd } from '../containerd/client.ts';
import type { Image } from '../gen/containerd.ts';
import { type FindNeeds, jobsByImage } from './collection/needs.ts';
import { isPinned } from './collection/pins.ts';
import { sourcesOf } from './collection/source.ts';
import { bytesOf, keptBy, keyOf, readStock, type Stock, usedBytes } from './collection/stock.ts';
import { lastUseOf } from './last-use.ts';
import { readManifestOf } from './present.ts';

/** An image record of the namespace. */
export interface ListedImage {
  readonly name: string;
  readonly digest: string;
  /** When the record was made; ISO 8601, UTC. */
  readonly createdAt: string;
  /** When a job or a command last wanted it; ISO 8601, UTC. */
  readonly lastUsedAt: string;
  /** Bytes of config and layers as they are transferred; `undefined` when the manifest is not present or cannot run here. */
  readonly bytes: number | undefined;
  /** Content and unpacked layers on disk; what it shares with other images counts for each of them. */
  readonly diskBytes: number;
  readonly isPinned: boolean;
  /** Jobs that have not ended and need it. */
  readonly usedBy: readonly string[];
  /** `host/repository` that gave it; none for an image of an archive. */
  readonly sources: readonly string[];
}

export interface Listing {
  readonly snapshotter: string;
  readonly pins: readonly string[];
  readonly findNeeds: FindNeeds;
}

/** All image records of the namespace, by name, and what they take together, what they share counted once. @throws ContainerdError */
export async function listImages(
  client: Containerd,
  at: Listing,
): Promise<{ readonly images: readonly ListedImage[]; readonly diskBytes: number }> {
  const [stock, needs] = await Promise.all([readStock(client, at.snapshotter), at.findNeeds()]);
  const jobs = jobsByImage(needs);
  const listed = stock.images.map((image) => listedImage(client, image, { stock, jobs, pins: at.pins }));
  const images = (await Promise.all(listed)).sort((one, other) => (one.name < other.name ? -1 : 1));
  return { images, diskBytes: usedBytes(stock) };
}

export async function listedImage(
  client: Containerd,
  image: Image,
  {
    stock,
    jobs,
    pins,
  }: {
    readonly stock: Stock;
    readonly jobs: ReadonlyMap<string, readonly string[]>;
    readonly pins: readonly string[];
  },
): Promise<ListedImage> {
  const { name, target, createdAt } = image;
  return {
    name,
    digest: target?.digest ?? '',
    createdAt: new Date((createdAt?.seconds ?? 0) * 1000).toISOString(),
    lastUsedAt: new Date(lastUseOf(image)).toISOString(),
    bytes: target === null ? undefined : await sizeOf(client, name, target),
    diskBytes: bytesOf(stock.things, keptBy(stock.things, [keyOf(image)])),
    isPinned: isPinned(name, pins),
    usedBy: jobs.get(name) ?? [],
    sources: sourcesOf(image, stock),
  };
}

async function sizeOf(
  client: Containerd,
  name: string,
  target: Parameters<typeof readManifestOf>[2],
): Promise<number | undefined> {
  try {
    const found = await readManifestOf(client, name, target);
    return found?.manifest.layers.reduce((sum, { size }) => sum + size, found.manifest.config.size);
  } catch {
    // A record of another client may name anything; it is listed without a size.
    return undefined;
  }
}
