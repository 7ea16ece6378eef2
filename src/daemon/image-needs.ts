import type { Containerd } from '../containerd/client.ts';
import type { ImageNeed } from '../image/collection/needs.ts';
import type { ReadyImage } from '../image/types.ts';
import { folderLabel, jobLabel } from '../job/labels.ts';
import { jobFolders, peekJob } from '../job/peek.ts';

/**
 * Finds the images that jobs need which have not ended: those of the state directory, those of other state directories that have a container
 * in the namespace, and what containers were made from. A job that ended stays so, and is looked at once.
 */
export function imageNeedsOf(
  client: Containerd,
  { stateDir, tenant }: { readonly stateDir: string; readonly tenant: string },
): () => Promise<readonly ImageNeed[]> {
  const ended = new Set<string>();
  const needsOf = async (folder: string): Promise<readonly ImageNeed[]> => {
    if (ended.has(folder)) return [];
    // A folder that cannot be read belongs to nobody who could go on with it.
    const peeked = await peekJob(folder).catch(() => undefined);
    if (peeked?.result !== undefined) ended.add(folder);
    const { plan, result, entries = [] } = peeked ?? {};
    if (plan === undefined || result !== undefined || plan.tenant !== tenant) return [];
    const { job, images } = plan;
    const used = entries.findLast(({ name }) => name === 'images')?.value as readonly ReadyImage[] | undefined;
    return [
      ...images.map(({ reference, digest }) => ({ reference, job, ...(digest !== undefined && { digest }) })),
      ...(used ?? []).map(({ name }) => ({ reference: name, job })),
    ];
  };
  return async () => {
    const { containers } = await client.call('Containers.List', { filters: [`labels."${jobLabel}"`] });
    const elsewhere = containers.flatMap(({ labels }) => labels[folderLabel] ?? []);
    const folders = new Set([...(await jobFolders(stateDir)), ...elsewhere]);
    const needs: ImageNeed[] = containers.map(({ image, labels }) => ({
      reference: image,
      job: labels[jobLabel] ?? '',
    }));
    for (const folder of folders) needs.push(...(await needsOf(folder)));
    return needs;
  };
}
