import { mkdir, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../base/errors.ts';
import { exclusively } from '../base/exclusive.ts';
import { readTextIfPresent, syncDirectory } from '../base/files.ts';
import { ulidPattern } from '../base/ids.ts';
import { type CrashPoint, Journal } from '../base/journal.ts';
import { currentBootId, formatOwner, isAlive, parseOwner, thisProcess } from '../base/owner.ts';
import { removeTree } from './directory.ts';
import { assertJobFormat } from './format.ts';
import type { Plan } from './types.ts';

const journalName = 'journal.ndjson';
const recordName = 'events.ndjson';
const ownerName = 'owner';
/** In which boot of the machine the job's data was begun. */
const bootNote = 'boot';

/** A job on disk: `<state-dir>/jobs/<job>` with its journal, its record of events, and while it runs its logs and data. */
export interface JobFolder {
  readonly path: string;
  readonly recordPath: string;
  readonly journal: Journal;
  readonly plan: Plan;
}

/** Of the names in a folder: what a job that ended keeps. */
export const keptNames: ReadonlySet<string> = new Set([journalName, recordName]);
/** Those that go with its owner. */
export const ownerNames: ReadonlySet<string> = new Set([ownerName, `.${ownerName}`]);
/** Names of folders that are being made or removed: nobody's job. */
export const passingName = /^\.(new|gone)-/;

export function journalPath(folder: string): string {
  return join(folder, journalName);
}

export function jobsFolder(stateDir: string): string {
  return join(stateDir, 'jobs');
}

/** Where a job keeps what it told: one event per line, redacted. */
export function recordPathOf(stateDir: string, job: string): string {
  return join(jobsFolder(stateDir), job, recordName);
}

/**
 * Makes the job durable: from here on it can be resumed. This process owns it. The folder appears with its owner and an empty journal in
 * it: nobody sees it without.
 */
export async function createJobFolder(stateDir: string, plan: Plan, crashPoint?: CrashPoint): Promise<JobFolder> {
  const { path, made: journal } = await createOwnedFolder(stateDir, plan.job, (folder) =>
    Journal.open(journalPath(folder), 'create', crashPoint),
  );
  await syncDirectory(dirname(path));
  await journal.step('plan', () => plan);
  await journal.note(bootNote, await currentBootId());
  return { path, recordPath: recordPathOf(stateDir, plan.job), journal, plan };
}

/**
 * A folder of this process for work that is no job and cannot be resumed: what a crash leaves of it, a sweep takes for a job that never
 * got its plan, and removes it with the containers that name it. `removeFolder` ends it.
 */
export async function createPassingFolder(stateDir: string, id: string): Promise<string> {
  const { path } = await createOwnedFolder(stateDir, id, async () => undefined);
  return path;
}

async function createOwnedFolder<T>(
  stateDir: string,
  id: string,
  fill: (folder: string) => Promise<T>,
): Promise<{ readonly path: string; readonly made: T }> {
  const jobs = await durableJobsFolder(stateDir);
  const path = join(jobs, id);
  const unfinished = join(jobs, `.new-${id}`);
  try {
    await mkdir(unfinished, { mode: 0o700 });
    await writeFile(join(unfinished, ownerName), formatOwner(await thisProcess()), { mode: 0o600 });
    const made = await fill(unfinished);
    await rename(unfinished, path);
    return { path, made };
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw error;
  }
}

async function durableJobsFolder(stateDir: string): Promise<string> {
  const jobs = jobsFolder(stateDir);
  const first = await mkdir(jobs, { recursive: true, mode: 0o700 });
  if (first === undefined) return jobs;
  for (let made = jobs; made.length >= first.length; made = dirname(made)) await syncDirectory(dirname(made));
  return jobs;
}

/** Takes over a job whose process is gone. @throws UserError when there is no such job or its process lives. */
export async function reopenJobFolder(stateDir: string, job: string, crashPoint?: CrashPoint): Promise<JobFolder> {
  const path = join(jobsFolder(stateDir), job);
  if (!ulidPattern.test(job) || (await readTextIfPresent(journalPath(path))) === undefined) {
    throw noSuchJob(job, stateDir);
  }
  await takeOver(path);
  try {
    return await openTaken(stateDir, job, crashPoint);
  } catch (error) {
    // Whoever can do something with it may.
    await releaseFolder(path);
    throw error;
  }
}

async function openTaken(stateDir: string, job: string, crashPoint: CrashPoint | undefined): Promise<JobFolder> {
  const path = join(jobsFolder(stateDir), job);
  const journal = await Journal.open(journalPath(path), 'existing', crashPoint);
  try {
    const plan = journal.find('step', 'plan')?.value as Plan | undefined;
    if (plan === undefined) {
      throw new UserError(`job ${job} ended before its plan was written; nothing of it has run`, {
        hint: 'Run it again.',
      });
    }
    assertJobFormat(plan);
    const folder = { path, recordPath: recordPathOf(stateDir, job), journal, plan };
    if (!hasInputs(folder) && (await isFromAnotherBoot(folder))) await journal.note(bootNote, await currentBootId());
    return folder;
  } catch (error) {
    await journal[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * Whether the machine was started anew since the job's inputs came, and their rows' data is still needed. The journal is synced to disk and
 * the data never is: what the journal says of such data need not be so.
 */
export async function wasRebooted(folder: JobFolder): Promise<boolean> {
  const { journal } = folder;
  const isStored = ['loads', 'result'].some((step) => journal.find('step', step) !== undefined);
  return !isStored && hasInputs(folder) && (await isFromAnotherBoot(folder));
}

function hasInputs({ journal }: JobFolder): boolean {
  return journal.entries.some(({ kind, name }) => kind === 'step' && /^row\/\d+\/inputs$/.test(name));
}

async function isFromAnotherBoot({ journal }: JobFolder): Promise<boolean> {
  return journal.find('transition', bootNote)?.value !== (await currentBootId());
}

/** To be called when the job has its result and nothing of it is left. */
export async function releaseFolder(folder: string): Promise<void> {
  for (const name of [`.${ownerName}`, ownerName]) await rm(join(folder, name), { force: true });
}

/** Removes the folder of a job that never began or cannot be read. Its owner alone may call it. */
export async function removeFolder(folder: string): Promise<void> {
  const passing = join(dirname(folder), `.gone-${basename(folder)}`);
  await rename(folder, passing);
  await removeTree(passing);
}

/** The pid of the live process that runs the job in this folder, or `undefined`. */
export async function liveOwner(folder: string): Promise<number | undefined> {
  const text = await readTextIfPresent(join(folder, ownerName));
  const owner = text === undefined ? undefined : parseOwner(text);
  return owner !== undefined && (await isAlive(owner)) ? owner.pid : undefined;
}

/**
 * Makes this process the owner of a job whose process is gone. Of several that try at once one succeeds.
 * @throws UserError reason `owned` when its process lives, this one included; reason `gone` when there is no such folder
 */
export async function takeOver(path: string): Promise<void> {
  try {
    const outcome = await exclusively(await realpath(path), async () => {
      const living = await liveOwner(path);
      if (living === undefined) await claimFolder(path);
      return { living };
    });
    if (outcome !== undefined && outcome.living === undefined) return;
    throw ownedBy(path, outcome?.living);
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ENOENT' ? noSuchJob(basename(path), dirname(path)) : error;
  }
}

function ownedBy(path: string, owner: number | undefined): UserError {
  const whom = owner === undefined ? 'another process' : `process ${owner}`;
  return new UserError(`job ${basename(path)} is being run by ${whom}`, {
    reason: 'owned',
    hint: 'Wait for it, or stop that process first.',
  });
}

function noSuchJob(job: string, place: string): UserError {
  return new UserError(`there is no job ${job} below ${place}`, {
    reason: 'gone',
    hint: 'Look at the id that `componentd run` printed, and at --state-dir.',
  });
}

async function claimFolder(path: string): Promise<void> {
  const temporary = join(path, `.${ownerName}`);
  await writeFile(temporary, formatOwner(await thisProcess()), { mode: 0o600 });
  await rename(temporary, join(path, ownerName));
}
