import { classify, InfrastructureError } from '../base/errors.ts';
import type { ReadyImage } from '../image/types.ts';
import type { JobContext } from './context.ts';
import { ensureImages } from './images.ts';
import { finishLoads, saveStates } from './loads.ts';
import { errorOf, explanationOf, failureResult, successResult } from './result.ts';
import { runRow } from './row.ts';
import type { CommitResult } from './storage.ts';
import { openToken } from './token.ts';
import { cgroupOf } from './traces.ts';
import type { JobResult, RowOutcome } from './types.ts';

/**
 * One job, from top to bottom. Every step goes through the journal: one that finished, in this process or in an earlier one, is not run
 * again. A component that fails is a value and ends in a result; so does everything else that ends a job.
 */
export async function runJob(given: Omit<JobContext, 'tokenEnv'>): Promise<JobResult> {
  const { plan, journal } = given;
  let context: JobContext = { ...given, tokenEnv: {} };
  const done: { rows: RowOutcome[]; images: readonly ReadyImage[]; loads: CommitResult | undefined } = {
    rows: [],
    images: [],
    loads: undefined,
  };
  try {
    context = { ...given, tokenEnv: await openToken(given) };
    if (context.rebooted) throw rebooted(plan.job);
    const cgroup = context.engine.makeCgroup(cgroupOf(plan));
    context.background.add(cgroup);
    done.images = await journal.step('images', () => ensureImages(context));
    await cgroup;
    for (const row of plan.rows) {
      done.rows.push(await runRow(row, done.images, context));
      if (done.rows.at(-1)?.failure !== undefined) break;
    }
    done.loads = await journal.step('loads', () => finishLoads(done.rows, context));
    const failure = done.rows.at(-1)?.failure;
    if (failure !== undefined) throw errorOf(failure);
    await journal.step('states', () => saveStates(done.rows, context));
    await settleBackground(context);
    return await recordResult(successResult(done, context), context);
  } catch (thrown) {
    const cause = classify(thrown);
    // Without containerd nothing can be ended: the job stays as it is, to be resumed.
    if (cause.reason === 'unavailable') throw cause;
    // After an abort, whatever fails is fallout of it.
    const error = context.signal.aborted ? classify(context.signal.reason) : cause;
    await settleBackground(context);
    // A stage that was cut off knows what it had printed.
    const explanation = explanationOf(cause.data.explanation === undefined ? error : cause);
    const result = failureResult(error, done, { context, explanation });
    return await recordResult(result, context).catch(() => result);
  }
}

function rebooted(job: string): InfrastructureError {
  return new InfrastructureError(
    `the machine was restarted while job ${job} ran; what lay in its data folder was not synced`,
    {
      reason: 'lost',
      hint: 'Run the job again.',
    },
  );
}

/** Nobody reads the job's raw output once the result is recorded: by then all of it must have been told. */
async function recordResult(result: JobResult, { journal, flush }: JobContext): Promise<JobResult> {
  return await journal.step('result', async () => {
    await flush();
    return result;
  });
}

/** What goes on beside the line: removals and the rest of the output. No failure there changes what the job came to. */
async function settleBackground({ background, emit }: JobContext): Promise<void> {
  for (const failure of await background.settle()) {
    emit({ type: 'release-failed', what: 'work beside the job', message: classify(failure).message });
  }
}
