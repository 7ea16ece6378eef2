import type { Containerd } from '../../containerd/client.ts';
import { isNotFound } from '../../containerd/errors.ts';
import { letStay, markLeaving } from './leaving.ts';
import { type FindNeeds, jobsByImage } from './needs.ts';

export interface Removal {
  /** Names of records that are gone now, and whose content is, as far as nothing else keeps it. */
  readonly removed: readonly string[];
  /** Records that stay, and the jobs that need them. */
  readonly needed: ReadonlyMap<string, readonly string[]>;
}

/** containerd collects before it answers. */
const collectingMs = 10 * 60_000;

/**
 * Removes image records unless a job needs them, and waits until containerd has collected. A job that begins meanwhile loses nothing: it writes
 * down what it needs and then looks for it; we mark the images and then look what is needed. So either we see its need, and the image
 * stays, or it sees our mark, and waits until the image is gone or stays. A process that dies in between leaves marks, which the next one
 * who looks takes away. To be called in turn (`inTurn`). @throws ContainerdError, the signal's reason, whatever `findNeeds` throws
 */
export async function removeUnlessNeeded(
  client: Containerd,
  names: readonly string[],
  { findNeeds, signal }: { readonly findNeeds: FindNeeds; readonly signal: AbortSignal },
): Promise<Removal> {
  const undecided = new Set<string>();
  const removed: string[] = [];
  const needed = new Map<string, readonly string[]>();
  try {
    for (const name of names) {
      signal.throwIfAborted();
      undecided.add(name);
      if (!(await markLeaving(client, name))) undecided.delete(name);
    }
    const jobs = undecided.size === 0 ? new Map<string, readonly string[]>() : jobsByImage(await findNeeds());
    const going = [...undecided].filter((name) => !jobs.has(name));
    // First of all: a job may be waiting for it, and collecting takes its time.
    for (const name of [...undecided].filter((each) => jobs.has(each))) {
      needed.set(name, jobs.get(name) ?? []);
      await letStay(client, name);
      undecided.delete(name);
    }
    for (const name of going) {
      signal.throwIfAborted();
      if (await deleteRecord(client, name, { sync: name === going.at(-1) })) removed.push(name);
      undecided.delete(name);
    }
    return { removed, needed };
  } finally {
    // A mark that stays hurts nobody: see `untilDecided`.
    for (const name of undecided) await letStay(client, name).catch(() => undefined);
  }
}

/** Whether there was one. With `sync` containerd has collected what nothing else keeps when this resolves. */
export async function deleteRecord(
  client: Containerd,
  name: string,
  { sync }: { readonly sync: boolean },
): Promise<boolean> {
  try {
    await client.call('Images.Delete', { name, sync }, { deadlineMs: collectingMs });
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}
