import { InfrastructureError } from '../base/errors.ts';
import type { Emit } from '../base/events.ts';
import { ulid } from '../base/ids.ts';
import { Scope } from '../base/scope.ts';
import type { Containerd } from '../containerd/client.ts';
import { ContainerdError, isAlreadyExists, isFailedPrecondition, isNotFound } from '../containerd/errors.ts';
import { prepareSnapshot } from '../containerd/snapshot.ts';
import type { Mount, SnapshotInfo } from '../gen/containerd.ts';
import { labelBlob } from './content.ts';
import { invalid } from './document.ts';
import { type Durability, durabilityOf, type Flush, unsyncedLabels } from './durable.ts';
import type { Descriptor } from './manifest.ts';
import type { Room } from './unpack-limits.ts';
import { watchUnpack } from './watch.ts';

export interface LayerUnpack {
  readonly lease: string;
  readonly snapshotter: string;
  readonly chainId: string;
  /** Chain id of the layers below; empty for the lowest. */
  readonly parent: string;
  readonly diffId: string;
  readonly layer: Descriptor;
  readonly room: Room;
  /** Told what has to be written out. */
  readonly flush: Flush;
  /** Resolves when the layer's blob is in the content store. Not awaited when the snapshot exists already. */
  readonly downloaded: () => Promise<void>;
  readonly onApply: () => void;
  /** The image's name, for errors. */
  readonly image: string;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

const extractPrefix = 'extract-';
const applyDeadlineMs = 60 * 60_000;
const maxAttempts = 3;

/**
 * Makes sure that the committed snapshot `chainId` exists, and that the lease keeps it. containerd applies the layer; what it unpacked
 * must have the diff id that the image's config promises. Another client that does the same at the same time is no conflict.
 * @throws UserError when the layer is not what the config says, ContainerdError, or what `downloaded` throws
 */
export async function unpackLayer(client: Containerd, unpack: LayerUnpack): Promise<'unpacked' | 'present'> {
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    unpack.signal.throwIfAborted();
    try {
      await unpackOnce(client, unpack);
      return 'unpacked';
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      if (await keepSnapshot(client, unpack, unpack.chainId)) return 'present';
    }
  }
  throw new InfrastructureError(`the snapshot ${unpack.chainId} appears and disappears; something else is removing it`);
}

/** How many of the chain's snapshots exist already and can be built on, counted from the bottom; those are put under the lease. */
export async function countUnpacked(
  client: Containerd,
  keeper: { readonly lease: string; readonly snapshotter: string },
  chain: readonly string[],
): Promise<number> {
  for (let count = chain.length; count > 0; count -= 1) {
    const id = chain[count - 1] as string;
    const found = await findSnapshot(client, keeper.snapshotter, id);
    if (found === 'lost') await removeLost(client, keeper.snapshotter, id);
    else if (found !== undefined && (await keepSnapshot(client, keeper, id))) return count;
  }
  return 0;
}

/** Whether a committed snapshot of this name exists that can be built on. */
export async function snapshotExists(client: Containerd, snapshotter: string, name: string): Promise<boolean> {
  const found = await findSnapshot(client, snapshotter, name);
  return found !== undefined && found !== 'lost';
}

async function findSnapshot(client: Containerd, snapshotter: string, name: string): Promise<Durability | undefined> {
  try {
    const { info } = await client.call('Snapshots.Stat', { snapshotter, key: name });
    return info?.kind === 'COMMITTED' ? await durabilityOf(info.labels) : undefined;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** With what was built on it before the power cut: other layers that are as lost, and unpacking that nobody goes on with. */
async function removeLost(client: Containerd, snapshotter: string, name: string): Promise<void> {
  try {
    await removeSnapshot(client, snapshotter, name);
    return;
  } catch (error) {
    if (!isFailedPrecondition(error)) throw error;
  }
  const children: SnapshotInfo[] = [];
  for await (const { info } of client.stream('Snapshots.List', { snapshotter, filters: [`parent=="${name}"`] })) {
    children.push(...info);
  }
  for (const child of children) {
    const isLost = child.name.startsWith(extractPrefix) || (await durabilityOf(child.labels)) === 'lost';
    if (isLost) await removeLost(client, snapshotter, child.name);
  }
  await removeSnapshot(client, snapshotter, name);
}

async function unpackOnce(client: Containerd, unpack: LayerUnpack): Promise<void> {
  const { lease, snapshotter, chainId, parent, flush } = unpack;
  const key = `${extractPrefix}${ulid()} ${chainId}`;
  const labels = { 'containerd.io/snapshot.ref': chainId };
  await using scope = new Scope(unpack.emit);
  scope.own(`snapshot ${key}`, () => removeSnapshot(client, snapshotter, key));
  const { mounts } = await prepareSnapshot(client, { snapshotter, key, parent, labels }, { lease });
  await unpack.downloaded();
  unpack.onApply();
  await apply(client, unpack, { key, mounts });
  const committed = { ...labels, ...(await unsyncedLabels()) };
  await client.call('Snapshots.Commit', { snapshotter, name: chainId, key, labels: committed }, { lease });
  scope.abandon();
  flush.add(chainId, mounts);
  await labelBlob(client, unpack.layer.digest, { 'containerd.io/uncompressed': unpack.diffId });
}

async function apply(
  client: Containerd,
  unpack: LayerUnpack,
  onto: { key: string; mounts: readonly Mount[] },
): Promise<void> {
  const { layer, diffId, image } = unpack;
  const { digest, size } = layer;
  // The same format; containerd 1.x knows it by one of its names.
  const mediaType = layer.mediaType.endsWith('.tar.zstd')
    ? 'application/vnd.oci.image.layer.v1.tar+zstd'
    : layer.mediaType;
  const request = { diff: { mediaType, digest, size }, mounts: onto.mounts };
  const { applied } = await watchUnpack(client, { ...unpack, key: onto.key }, (signal) =>
    client.call('Diff.Apply', request, { signal, deadlineMs: applyDeadlineMs }).catch((error: unknown) => {
      const problem = problemOf(error);
      throw problem === undefined ? error : invalid(image, `its layer ${digest} cannot be unpacked: ${problem}`);
    }),
  );
  if (applied?.digest === diffId) return;
  throw invalid(image, `its layer ${digest} unpacks to ${applied?.digest}, but its config promises ${diffId}`);
}

/** What the layer itself is at fault for. containerd has no code for it, so that its words must do; `undefined` for everything else. */
function problemOf(error: unknown): string | undefined {
  if (!(error instanceof ContainerdError)) return undefined;
  return layerFault.exec(error.details)?.[0];
}

const layerFault =
  /(?<=mount callback failed .*)(?:archive\/tar: [\w ]+|(?:gzip|zlib|zstd|flate): [\w ]+|unexpected EOF|magic number mismatch|invalid archive|file name too long|no such file or directory|not a directory|unhandled tar header type \d+)/;

/** Puts a snapshot under the lease; false when it is gone. Before that it may be collected at any time, afterwards it cannot be. */
async function keepSnapshot(
  client: Containerd,
  { lease, snapshotter }: { readonly lease: string; readonly snapshotter: string },
  id: string,
): Promise<boolean> {
  await client.call('Leases.AddResource', { id: lease, resource: { id, type: `snapshots/${snapshotter}` } });
  return snapshotExists(client, snapshotter, id);
}

async function removeSnapshot(client: Containerd, snapshotter: string, key: string): Promise<void> {
  try {
    await client.call('Snapshots.Remove', { snapshotter, key });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
