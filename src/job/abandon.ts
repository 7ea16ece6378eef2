import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Journal } from '../base/journal.ts';
import { removeTree } from './directory.ts';
import { journalPath, keptNames, ownerNames, removeFolder } from './folder.ts';
import { assertJobFormat } from './format.ts';
import { type Peeked, peekJob, stagedBy } from './peek.ts';
import { cgroupOf } from './traces.ts';
import type { Engine, JobResult, Plan } from './types.ts';

/**
 * Why a job whose process is gone has to be ended; `undefined` when nothing is left to do, or not by this tenant.
 * @throws InfrastructureError for a job of another format
 */
export async function reasonToEnd(folder: string, tenant: string): Promise<string | undefined> {
  const { plan, result, isDamaged } = await peekJob(folder);
  if (plan !== undefined && plan.tenant !== tenant) return undefined;
  if (plan !== undefined) assertJobFormat(plan);
  if (isDamaged) return 'cannot be read: its journal is damaged; its process is gone';
  if (result === undefined) return 'began and has no result; its process is gone';
  const left = (await readdir(folder)).filter((name) => !keptNames.has(name));
  return left.length > 0 ? 'ended, but its data was not removed' : undefined;
}

/** What ending a job takes beside its folder. */
export interface Ending {
  readonly engine: Pick<Engine, 'removeCgroup'>;
  readonly tenant: string;
  /** Forgets what was staged in Storage under a commit id. */
  readonly discard: (commitId: string) => Promise<void>;
  /** Revokes the tokens issued for a job. */
  readonly revokeTokens: (job: string) => Promise<void>;
}

/**
 * Ends a job that nobody will resume: unless it has a result it gets `lost`, and its data goes, here and in Storage. Its journal and its
 * record stay; a folder without a plan, or with a damaged journal, goes altogether. The caller has taken the job over, and its containers
 * are gone. After a failure or a crash the job is found again: its folder comes last.
 */
export async function endAbandonedJob(folder: string, ending: Ending): Promise<void> {
  const peeked = await peekJob(folder);
  const { plan } = peeked;
  if (isReadable(peeked)) await recordLost(folder, peeked.plan);
  const job = basename(folder);
  await ending.engine.removeCgroup(cgroupOf({ tenant: plan?.tenant ?? ending.tenant, job }));
  for (const commitId of plan === undefined ? [] : stagedBy(plan)) await ending.discard(commitId);
  await ending.revokeTokens(job);
  if (!isReadable(peeked)) return await removeFolder(folder);
  for (const name of await readdir(folder)) {
    if (!keptNames.has(name) && !ownerNames.has(name)) await removeTree(join(folder, name));
  }
}

function isReadable(peeked: Peeked): peeked is Peeked & { readonly plan: Plan } {
  return peeked.plan !== undefined && !peeked.isDamaged;
}

/** From here on the job cannot go on, whatever of it is left. */
async function recordLost(folder: string, plan: Plan): Promise<void> {
  await using journal = await Journal.open(journalPath(folder), 'existing');
  await journal.step('result', () => lostResult(plan));
}

function lostResult({ job, component, config, configVersion, token, warnings }: Plan): JobResult {
  return {
    job,
    outcome: 'lost',
    exitCode: 3,
    message: 'The process that ran the job is gone, and the job was swept instead of resumed.',
    component,
    ...(config !== undefined && { config }),
    configVersion,
    token,
    images: [],
    stages: [],
    input: { tables: [] },
    output: { tables: [], files: [] },
    outputVariables: {},
    usage: [],
    warnings,
    error: { type: 'infrastructure', exceptionId: '', problems: [] },
    durationMs: 0,
  };
}
