import type { Containerd } from '../containerd/client.ts';
import type { ImageNeed } from '../image/collection/needs.ts';
import { folderLabel, jobLabel } from '../job/labels.ts';
import { jobFolders, peekJob } from '../job/peek.ts';
import type { Plan } from '../job/types.ts';

/**
 * Finds the images that jobs need which have not ended: those of the state directory, those of other state directories that have a container
 * in the namespace, and what containers were made from. A job that ended stays so, and is looked at once.
 */
export function imageNeedsOf(
  client: Containerd,
  { stateDir, tenant }: { readonly stateDir: string; readonly tenant: string },
): () => Promise<readonly ImageNeed[]> {
  const ended = new Set<string>();
  const plansOf = async (folder: string): Promise<readonly Plan[]> => {
    if (ended.has(folder)) return [];
    // A folder that cannot be read belongs to nobody who could go on with it.
    const { plan, result } = await peekJob(folder).catch(() => ({ plan: undefined, result: undefined }));
    if (result !== undefined) ended.add(folder);
    return plan === undefined || result !== undefined || plan.tenant !== tenant ? [] : [plan];
  };
  return async () => {
    const { containers } = await client.call('Containers.List', { filters: [`labels."${jobLabel}"`] });
    const elsewhere = containers.flatMap(({ labels }) => labels[folderLabel] ?? []);
    const folders = new Set([...(await jobFolders(stateDir)), ...elsewhere]);
    const needs: ImageNeed[] = containers.map(({ image, labels }) => ({
      reference: image,
      job: labels[jobLabel] ?? '',
    }));
    for (const folder of folders) {
      for (const { job, images } of await plansOf(folder)) {
        needs.push(...images.map(({ reference }) => ({ reference, job })));
      }
    }
    return needs;
  };
}
