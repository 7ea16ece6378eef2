import { UsageError } from '../base/errors.ts';
import { parseMoment } from '../job/moment.ts';
import { jobFolders } from '../job/peek.ts';
import { formatDuration } from '../sinks/format.ts';
import { type SeenJob, seeJob } from './job-status.ts';
import { print, printJson, printTable } from './output.ts';
import type { Session } from './session.ts';

export interface JobsOptions {
  readonly component?: string;
  readonly config?: string;
  readonly status?: string;
  readonly since?: string;
}

/** Reads one job after the other, the newest first, until there are enough. With `--json` one object for each. */
export async function listJobs(
  { limit, ...wanted }: JobsOptions & { readonly limit: number },
  { config, json }: Session,
): Promise<void> {
  const since = sinceMs(wanted.since);
  const found: SeenJob[] = [];
  let more = false;
  for (const path of (await jobFolders(config.stateDir)).toReversed()) {
    const seen = await seeJob(path).catch((error: NodeJS.ErrnoException) => {
      // Swept meanwhile.
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (seen === undefined || !fits(seen, wanted)) continue;
    if (seen.startedMs < since) break;
    more = found.length === limit;
    if (more) break;
    found.push(seen);
  }
  if (json) {
    for (const seen of found) printJson(summaryOf(seen));
    return;
  }
  const none = Object.values(wanted).some((value) => value !== undefined) ? 'No such jobs' : 'No jobs';
  if (found.length === 0) return print(`${none} in ${config.stateDir}. Run one with \`componentd run\`.`);
  printTable(
    ['JOB', 'STATUS', 'STARTED (UTC)', 'TOOK', 'COMPONENT', 'CONFIG'],
    found.map((seen) => [
      seen.job,
      seen.status,
      new Date(seen.startedMs).toISOString().slice(0, 19).replace('T', ' '),
      seen.durationMs === undefined ? '' : formatDuration(seen.durationMs),
      seen.plan?.component ?? '',
      seen.plan?.config ?? '',
    ]),
  );
  if (more) print('There are more: see --limit.');
}

/** A moment as `parseMoment` reads it, in milliseconds since 1970; the beginning of time when none is given. */
export function sinceMs(text: string | undefined, flag = '--since'): number {
  if (text === undefined) return Number.NEGATIVE_INFINITY;
  const short = /^(\d{1,9})\s*(s|m|h|d)$/.exec(text.trim());
  const units = { s: 'seconds', m: 'minutes', h: 'hours', d: 'days' } as const;
  const spelt = short === null ? text : `${short[1]} ${units[short[2] as keyof typeof units]} ago`;
  const moment = parseMoment(spelt, new Date());
  if (moment === undefined) {
    throw new UsageError(`${flag}: "${text}" is not a moment`, {
      hint: 'Write an ISO 8601 date or time, or for example 10m, 2h or "2 days ago".',
    });
  }
  return Date.parse(moment);
}

function fits({ plan, status }: SeenJob, wanted: JobsOptions): boolean {
  return (
    (wanted.component === undefined || plan?.component === wanted.component) &&
    (wanted.config === undefined || plan?.config === wanted.config) &&
    (wanted.status === undefined || status === wanted.status)
  );
}

function summaryOf({ job, status, plan, result, startedMs, durationMs, pid }: SeenJob): object {
  return {
    type: 'job',
    job,
    status,
    ...(plan && { component: plan.component }),
    ...(plan?.config !== undefined && { config: plan.config }),
    startedAt: new Date(startedMs).toISOString(),
    ...(durationMs !== undefined && { durationMs }),
    ...(result && { exitCode: result.exitCode }),
    ...(pid !== undefined && { pid }),
  };
}
