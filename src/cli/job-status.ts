import { basename, join } from 'node:path';
import { UserError } from '../base/errors.ts';
import { ulidPattern, ulidTime } from '../base/ids.ts';
import { suggest } from '../base/suggest.ts';
import { jobsFolder, liveOwner } from '../job/folder.ts';
import { jobFolders, type Peeked, peekJob } from '../job/peek.ts';
import type { Outcome } from '../job/types.ts';

/**
 * How a job stands: its outcome; or `running` in a live process; `resumable` when its process is gone; `unplanned` when nothing of it has
 * run; `damaged` when its journal cannot be read.
 */
export type JobStatus = Outcome | 'running' | 'resumable' | 'unplanned' | 'damaged';

/** A job of a state directory, as far as its files tell; nothing is opened for writing. */
export interface SeenJob extends Peeked {
  readonly job: string;
  readonly path: string;
  readonly status: JobStatus;
  /** Of the process that runs it. */
  readonly pid?: number;
  /** When it was planned, in milliseconds since 1970. */
  readonly startedMs: number;
  /** Until its result, or so far. */
  readonly durationMs?: number;
}

export async function seeJob(path: string): Promise<SeenJob> {
  // In this order: of a process that ends in between, the result is found.
  const pid = await liveOwner(path);
  const peeked = await peekJob(path);
  const job = basename(path);
  const startedMs = ulidTime(job);
  const durationMs = peeked.result?.durationMs ?? (pid === undefined ? undefined : Date.now() - startedMs);
  return {
    ...peeked,
    job,
    path,
    status: statusOf(peeked, pid),
    startedMs,
    ...(pid !== undefined && { pid }),
    ...(durationMs !== undefined && { durationMs }),
  };
}

function statusOf({ result, plan, isDamaged }: Peeked, pid: number | undefined): JobStatus {
  if (result !== undefined) return result.outcome;
  if (pid !== undefined) return 'running';
  if (isDamaged) return 'damaged';
  return plan === undefined ? 'unplanned' : 'resumable';
}

/** The folder of a job that is named by its id, or `latest`. @throws UserError when there is none */
export async function findJob(stateDir: string, asked: string): Promise<string> {
  const folders = await jobFolders(stateDir);
  const wanted = asked.toUpperCase();
  const found = asked === 'latest' ? folders.at(-1) : folders.find((path) => basename(path) === wanted);
  if (found !== undefined) return found;
  const place = jobsFolder(stateDir);
  if (asked === 'latest')
    throw new UserError(`there is no job below ${place}`, { hint: 'Run one, or name another --state-dir.' });
  const meant =
    ulidPattern.test(wanted) || wanted.length > 20
      ? suggest(
          wanted,
          folders.map((path) => basename(path)),
        )
      : undefined;
  throw new UserError(`there is no job ${asked} below ${place}`, {
    reason: 'gone',
    hint: meant === undefined ? 'See `componentd jobs`, or name another --state-dir.' : `Did you mean ${meant}?`,
  });
}

/** Where a job's files are. */
export function filesOf(path: string): { readonly folder: string; readonly journal: string; readonly events: string } {
  return { folder: path, journal: join(path, 'journal.ndjson'), events: join(path, 'events.ndjson') };
}
