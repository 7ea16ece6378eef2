import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { InfrastructureError } from '../base/errors.ts';
import { ulidPattern } from '../base/ids.ts';
import { type JournalEntry, readEntries } from '../base/journal.ts';
import { jobsFolder, journalPath } from './folder.ts';
import { commitIdOf } from './loads.ts';
import type { JobResult, Plan } from './types.ts';

/** Paths of all jobs of a state directory, oldest first. Whatever else lies there is not ours. */
export async function jobFolders(stateDir: string): Promise<readonly string[]> {
  const jobs = jobsFolder(stateDir);
  const entries = await readdir(jobs, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const names = entries.filter((entry) => entry.isDirectory() && ulidPattern.test(entry.name)).map(({ name }) => name);
  return names.sort().map((name) => join(jobs, name));
}

/** What a journal says; absent parts have not been reached. */
export interface Peeked {
  readonly plan?: Plan;
  readonly result?: JobResult;
  /** Of a damaged journal at most the first. */
  readonly entries: readonly JournalEntry[];
  readonly isDamaged: boolean;
}

/** Reads a job's journal without opening it for writing. Of a damaged one at most the plan is known, its first line. */
export async function peekJob(folder: string): Promise<Peeked> {
  const text = await readFile(journalPath(folder), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const whole = entriesIn(text, folder);
  const first = text.slice(0, text.indexOf('\n') + 1);
  const entries = whole ?? entriesIn(first, folder) ?? [];
  const steps = new Map(entries.map((entry) => [entry.name, entry.value]));
  const plan = steps.get('plan') as Plan | undefined;
  const result = steps.get('result') as JobResult | undefined;
  return { ...(plan && { plan }), ...(result && { result }), entries, isDamaged: whole === undefined };
}

function entriesIn(text: string, folder: string): readonly JournalEntry[] | undefined {
  try {
    return readEntries(text, journalPath(folder)).entries;
  } catch (error) {
    if (error instanceof InfrastructureError) return undefined;
    throw error;
  }
}

/** What a job may have staged in Storage. */
export function stagedBy(plan: Plan): readonly string[] {
  return (['success', 'failed'] as const).map((pass) => commitIdOf({ plan }, pass));
}

/**
 * Tells whether something staged belongs to a job of the state directory that has no result, and may still commit it. A job that cannot be
 * read counts as one.
 */
export async function stagedByUnfinished(stateDir: string): Promise<(commitId: string) => boolean> {
  const unfinished = new Set<string>();
  for (const folder of await jobFolders(stateDir)) {
    const peeked = await peekJob(folder).catch(() => undefined);
    if (peeked?.result === undefined) unfinished.add(basename(folder));
  }
  // A commit id begins with its job.
  return (commitId) => unfinished.has(commitId.split('-')[0] ?? '');
}
