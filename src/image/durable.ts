import { promisify } from 'node:util';
import { within } from '../base/abort.ts';
import { currentBootId } from '../base/owner.ts';
import type { Containerd } from '../containerd/client.ts';
import type { Mount } from '../gen/containerd.ts';

/**
 * Label of a committed snapshot whose files may not be on the disk yet: the boot in which it was unpacked. containerd writes out its
 * database and the blobs, and leaves the files of a layer to the kernel: after a power cut they may be there and empty (containerd#5854).
 * A snapshot that bears another boot's id is nothing to build on.
 */
const unsyncedLabel = 'componentd.unsynced';

export async function unsyncedLabels(): Promise<Readonly<Record<string, string>>> {
  return { [unsyncedLabel]: await currentBootId() };
}

/** `lost` is what a power cut may have emptied. */
export type Durability = 'synced' | 'unsynced' | 'lost';

export async function durabilityOf(labels: Readonly<Record<string, string>>): Promise<Durability> {
  const boot = labels[unsyncedLabel] ?? '';
  if (boot === '') return 'synced';
  return boot === (await currentBootId()) ? 'unsynced' : 'lost';
}

/** Somebody else may write so much that there is no end to it. A snapshot that stays marked costs no more than being unpacked again. */
const patienceMs = 3_000;

/**
 * Brings unpacked layers to the disk, beginning with the first while the next are unpacked, so that little is left to write at the end.
 * One `sync` runs at a time, and the last one begins after the last layer.
 */
export class Flush {
  readonly #own = new Set<string>();
  #written: Promise<boolean> = Promise.resolve(true);
  #queued: string | undefined;

  /** A snapshot that was committed, and the mounts through which it was filled. */
  add(snapshot: string, mounts: readonly Mount[]): void {
    this.#own.add(snapshot);
    this.#queue(directoryOf(mounts));
  }

  /** Resolves when the whole chain is on the disk and no snapshot of it says otherwise, whoever unpacked it, or after a bounded time. */
  async finish(client: Containerd, snapshotter: string, chain: readonly string[]): Promise<void> {
    const infos = await Promise.all(
      chain.map(async (key) => (await client.call('Snapshots.Stat', { snapshotter, key })).info),
    );
    const unsynced: string[] = [];
    for (const info of infos) if (info && (await durabilityOf(info.labels)) !== 'synced') unsynced.push(info.name);
    if (unsynced.some((name) => !this.#own.has(name))) this.#queue('');
    if ((await within(this.#written, patienceMs)) !== true) return;
    // From the bottom up: one that counts as safe stands on others that do.
    for (const name of unsynced) {
      const updateMask = { paths: [`labels.${unsyncedLabel}`] };
      await client.call('Snapshots.Update', {
        snapshotter,
        info: { name, labels: { [unsyncedLabel]: '' } },
        updateMask,
      });
    }
  }

  #queue(directory: string): void {
    if (this.#queued === undefined) this.#written = this.#written.then(() => this.#sync());
    this.#queued = directory;
  }

  async #sync(): Promise<boolean> {
    const directory = this.#queued ?? '';
    this.#queued = undefined;
    const { execFile } = await import('node:child_process');
    const succeeds = (args: readonly string[]): Promise<boolean> =>
      promisify(execFile)('sync', args).then(
        () => true,
        () => false,
      );
    return (directory !== '' && (await succeeds(['--file-system', directory]))) || succeeds([]);
  }
}

/** A folder of the file system on which a snapshot lies; empty when the snapshotter does not show one. */
function directoryOf([mount]: readonly Mount[]): string {
  if (mount?.type === 'bind') return mount.source;
  return mount?.options.find((option) => option.startsWith('upperdir='))?.slice('upperdir='.length) ?? '';
}
