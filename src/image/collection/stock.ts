import { Semaphore } from '../../base/semaphore.ts';
import type { Containerd } from '../../containerd/client.ts';
import { isNotFound } from '../../containerd/errors.ts';
import type { Image } from '../../gen/containerd.ts';

/** A blob or a snapshot of the namespace: how much it takes, and what it keeps. */
export interface Thing {
  /** Bytes on disk. */
  readonly bytes: number;
  /** Keys of other things. */
  readonly keeps: readonly string[];
}

/** What containerd's garbage collection sees of a namespace: everything, and who keeps what. */
export interface Stock {
  readonly images: readonly Image[];
  /** By `blobKey` or `snapshotKey`. */
  readonly things: ReadonlyMap<string, Thing>;
  /** Keys of what something else than an image keeps: a container, a lease, a mark. */
  readonly held: readonly string[];
  /** Where blobs came from, `host/repository`, by their digests. */
  readonly sources: ReadonlyMap<string, readonly string[]>;
}

const gcRoot = 'containerd.io/gc.root';
const gcContent = /^containerd\.io\/gc\.ref\.content(?:[./]|$)/;
const sourcePrefix = 'containerd.io/distribution.source.';
const usagesAtOnce = 16;

export function blobKey(digest: string): string {
  return `content ${digest}`;
}

export function snapshotKey(name: string): string {
  return `snapshot ${name}`;
}

/** Reads all of it: three lists, and the size of each committed snapshot. @throws ContainerdError */
export async function readStock(client: Containerd, snapshotter: string): Promise<Stock> {
  const things = new Map<string, Thing>();
  const held: string[] = [];
  const sources = new Map<string, readonly string[]>();
  const [{ images }] = await Promise.all([
    client.call('Images.List', {}),
    readBlobs(client, { snapshotter, things, held, sources }),
    readSnapshots(client, { snapshotter, things, held }),
    readLeases(client, { snapshotter, held }),
  ]);
  return { images, things, held, sources };
}

/** Everything that these keys keep, themselves included, as far as it exists. */
export function keptBy(things: Stock['things'], keys: Iterable<string>): ReadonlySet<string> {
  const kept = new Set<string>();
  const open = [...keys];
  for (let key = open.pop(); key !== undefined; key = open.pop()) {
    const thing = things.get(key);
    if (thing === undefined || kept.has(key)) continue;
    kept.add(key);
    open.push(...thing.keeps);
  }
  return kept;
}

export function bytesOf(things: Stock['things'], keys: Iterable<string>): number {
  let sum = 0;
  for (const key of keys) sum += things.get(key)?.bytes ?? 0;
  return sum;
}

/** What all images together take, layers that several share counted once. */
export function usedBytes({ images, things }: Stock): number {
  return bytesOf(things, keptBy(things, images.map(keyOf)));
}

/** Of what an image's record keeps by itself. */
export function keyOf({ target }: Image): string {
  return blobKey(target?.digest ?? '');
}

interface Reading {
  readonly snapshotter: string;
  readonly things: Map<string, Thing>;
  readonly held: string[];
  readonly sources: Map<string, readonly string[]>;
}

async function readBlobs(client: Containerd, { snapshotter, things, held, sources }: Reading): Promise<void> {
  const toSnapshot = `containerd.io/gc.ref.snapshot.${snapshotter}`;
  for await (const { info } of client.stream('Content.List', {})) {
    for (const { digest, size, labels } of info) {
      const entries = Object.entries(labels);
      const keeps = entries.flatMap(([label, value]) => {
        if (gcContent.test(label)) return [blobKey(value)];
        return label === toSnapshot || label.startsWith(`${toSnapshot}/`) ? [snapshotKey(value)] : [];
      });
      things.set(blobKey(digest), { bytes: size, keeps });
      if (labels[gcRoot] !== undefined) held.push(blobKey(digest));
      const from = entries
        .filter(([label]) => label.startsWith(sourcePrefix))
        .flatMap(([label, paths]) => paths.split(',').map((path) => `${label.slice(sourcePrefix.length)}/${path}`));
      if (from.length > 0) sources.set(digest, from);
    }
  }
}

async function readSnapshots(
  client: Containerd,
  { snapshotter, things, held }: Omit<Reading, 'sources'>,
): Promise<void> {
  const slots = new Semaphore(usagesAtOnce);
  const sizes: Promise<void>[] = [];
  for await (const { info } of client.stream('Snapshots.List', { snapshotter })) {
    for (const { name, parent, kind, labels } of info) {
      const keeps = parent === '' ? [] : [snapshotKey(parent)];
      const isLayer = kind === 'COMMITTED';
      // What a container or an unpacking has open is no image's, but keeps those below.
      if (!isLayer || labels[gcRoot] !== undefined) held.push(snapshotKey(name));
      things.set(snapshotKey(name), { bytes: 0, keeps });
      if (!isLayer) continue;
      const measure = async (): Promise<void> => {
        things.set(snapshotKey(name), { bytes: await sizeOf(client, snapshotter, name), keeps });
      };
      sizes.push(slots.run(measure));
    }
  }
  await Promise.all(sizes);
}

async function sizeOf(client: Containerd, snapshotter: string, key: string): Promise<number> {
  try {
    return (await client.call('Snapshots.Usage', { snapshotter, key })).size;
  } catch (error) {
    if (isNotFound(error)) return 0;
    throw error;
  }
}

async function readLeases(
  client: Containerd,
  { snapshotter, held }: Pick<Reading, 'snapshotter' | 'held'>,
): Promise<void> {
  const { leases } = await client.call('Leases.List', {});
  for (const { id } of leases) {
    const resources = await client.call('Leases.ListResources', { id }).catch((error: unknown) => {
      if (isNotFound(error)) return { resources: [] };
      throw error;
    });
    for (const resource of resources.resources) {
      if (resource.type === 'content') held.push(blobKey(resource.id));
      else if (resource.type === `snapshots/${snapshotter}`) held.push(snapshotKey(resource.id));
    }
  }
}
