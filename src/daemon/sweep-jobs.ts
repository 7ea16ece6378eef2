import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { UserError } from '../base/errors.ts';
import { ulidPattern } from '../base/ids.ts';
import { endAbandonedJob, reasonToEnd } from '../job/abandon.ts';
import { removeTree } from '../job/directory.ts';
import { jobsFolder, liveOwner, passingName, releaseFolder, takeOver } from '../job/folder.ts';
import { assertJobFormat } from '../job/format.ts';
import { folderLabel, formatLabel, jobLabel } from '../job/labels.ts';
import { jobFolders } from '../job/peek.ts';
import { cgroupOf, discardContainer } from '../job/traces.ts';
import { attempt, type SweepOptions, type Swept } from './swept.ts';

interface LeftContainer {
  readonly id: string;
  readonly job: string;
  /** Of its job; `undefined` on a container that we did not make so. */
  readonly folder: string | undefined;
  /** As its label says it. */
  readonly format: string | undefined;
}

/** Ends every job that has no process any more, and removes the containers of jobs of other state directories that have none. */
export async function sweepJobs(options: SweepOptions): Promise<void> {
  const containers = await listContainers(options, `labels."${jobLabel}"`);
  const byFolder = Map.groupBy(containers, ({ folder }) => folder);
  for (const folder of await jobFolders(options.stateDir)) {
    const listed = byFolder.get(folder) ?? [];
    byFolder.delete(folder);
    await orTold(options, folder, () => sweepJob(folder, listed, options));
  }
  for (const [folder, left] of byFolder) {
    await orTold(options, folder ?? '', () => sweepElsewhere(folder, left, options));
  }
  await sweepPassing(options);
}

async function sweepJob(folder: string, listed: readonly LeftContainer[], options: SweepOptions): Promise<void> {
  if ((await liveOwner(folder)) !== undefined) return;
  const reason = await reasonToEnd(folder, options.tenant);
  if (reason === undefined && listed.length === 0) return;
  if (!options.dryRun && (await claim(folder)) !== 'taken') return;
  const id = basename(folder);
  const job: Swept = { kind: 'job', id, why: reason ?? 'ended, but a container of it was not removed' };
  try {
    // What was listed may have gone with its job since then. Nobody makes another one from here on.
    const left = await listContainers(options, ofJob(id));
    if (reason === undefined && left.length === 0) return;
    if (await discardAll(left, options)) await attempt(options, job, () => endAbandonedJob(folder, options));
  } finally {
    if (!options.dryRun) await releaseFolder(folder);
  }
}

/** What else there is of that job stays, for a sweep of its own state directory. */
async function sweepElsewhere(
  folder: string | undefined,
  listed: readonly LeftContainer[],
  options: SweepOptions,
): Promise<void> {
  if (folder === undefined) return void (await discardAll(listed, options));
  if ((await liveOwner(folder)) !== undefined) return;
  const claimed = options.dryRun ? 'gone' : await claim(folder);
  if (claimed === 'owned') return;
  try {
    const job = listed[0]?.job ?? '';
    const isAllGone = await discardAll(await listContainers(options, ofJob(job)), options);
    // A resumption makes it again.
    if (isAllGone && !options.dryRun && ulidPattern.test(job)) {
      await options.engine.removeCgroup(cgroupOf({ tenant: options.tenant, job }));
    }
  } finally {
    if (claimed === 'taken') await releaseFolder(folder);
  }
}

async function discardAll(left: readonly LeftContainer[], options: SweepOptions): Promise<boolean> {
  let isAllGone = true;
  for (const { id, job, format } of left) {
    const container: Swept = { kind: 'container', id, why: `of job ${job}, whose process is gone` };
    try {
      assertJobFormat({ job, formatVersion: Number(format ?? 1) });
    } catch (error) {
      options.onFailed(container, error);
      isAllGone = false;
      continue;
    }
    const isGone = await attempt(options, container, () => discardContainer(options.engine.runtime, id));
    isAllGone &&= isGone;
  }
  return isAllGone;
}

function ofJob(job: string): string {
  return `labels."${jobLabel}"==${JSON.stringify(job)}`;
}

async function listContainers({ client }: SweepOptions, filter: string): Promise<readonly LeftContainer[]> {
  const { containers } = await client.call('Containers.List', { filters: [filter] });
  return containers.map(({ id, labels }) => {
    return { id, job: labels[jobLabel] ?? '', folder: labels[folderLabel], format: labels[formatLabel] };
  });
}

/** Takes the job over for the sweep: whoever wants to resume it meanwhile is told that it is owned. */
async function claim(folder: string): Promise<'taken' | 'owned' | 'gone'> {
  try {
    await takeOver(folder);
    return 'taken';
  } catch (error) {
    if (error instanceof UserError && (error.reason === 'owned' || error.reason === 'gone')) return error.reason;
    throw error;
  }
}

const hourMs = 60 * 60 * 1000;

/** Folders whose making or removing was cut off. Both take moments. */
async function sweepPassing(options: SweepOptions): Promise<void> {
  const jobs = jobsFolder(options.stateDir);
  const names = await readdir(jobs).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  for (const name of names.filter((found) => passingName.test(found))) {
    const path = join(jobs, name);
    await orTold(options, path, async () => {
      const changed = await stat(path).then(({ mtimeMs }) => mtimeMs, whenGone);
      if (changed > Date.now() - hourMs || (await liveOwner(path)) !== undefined) return;
      await attempt(options, { kind: 'job', id: name, why: 'was never whole' }, () => removeTree(path));
    });
  }
}

function whenGone(error: NodeJS.ErrnoException): number {
  if (error.code === 'ENOENT') return Number.POSITIVE_INFINITY;
  throw error;
}

/** What cannot even be looked at holds up nothing else. */
async function orTold({ onFailed }: SweepOptions, folder: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    onFailed({ kind: 'job', id: basename(folder), why: 'cannot be looked at' }, error);
  }
}
