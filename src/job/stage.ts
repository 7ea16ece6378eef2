import { ApplicationError, classify, UserError } from '../base/errors.ts';
import type { Container, TaskExit, Usage } from '../runtime/types.ts';
import { containerIdOf, containerName, exitedNote, startingNote } from './containers.ts';
import type { JobContext, StageRun } from './context.ts';
import { resetOwnership } from './data-dir.ts';
import { explain } from './explanation.ts';
import { errorOf, failureOf } from './result.ts';
import { learnState, readStageFiles, type StageDocuments, stageDocuments, writeStageFiles } from './stage-files.ts';
import { followStage, type StageOutput } from './stage-output.ts';
import { supervise } from './supervise.ts';
import type { Explanation, Failure, StageOutcome } from './types.ts';
import { type KilledBy, type Verdict, verdict } from './verdict.ts';

/** How a container ended; in the journal before the task is deleted, because afterwards nobody can ask any more. */
interface Exited {
  readonly exit: TaskExit;
  readonly killedBy?: KilledBy;
  /** What ended the job, when that ended the container. */
  readonly stopped?: Failure;
  readonly usage: Usage;
  readonly durationMs: number;
}

/**
 * Runs one container to its end, or goes on with one that an earlier process started. A component that fails is a value; what is thrown
 * is the machine's fault or the signal's reason. The container is removed in the background, once its exit is on disk.
 */
export async function runStage(
  run: StageRun,
  open: () => Promise<Container>,
  context: JobContext,
): Promise<StageOutcome> {
  const documents = stageDocuments(run, context);
  const noted = context.journal.find('transition', exitedNote(run))?.value as Exited | undefined;
  if (noted !== undefined) return await conclude({ ...run, exited: noted, output: followStage(run, context) }, context);
  const { container, fresh } = await ready(run, documents, { open, context }).catch((error: unknown) => {
    throw whoseFault(error, run);
  });
  const output = followStage(run, context);
  try {
    const exited = await runToExit({ ...run, container, output, fresh }, context);
    return await conclude({ ...run, exited, output, container }, context);
  } catch (error) {
    output.ended();
    await output.drained.catch(() => undefined);
    throw error;
  }
}

/** An image that cannot be started is its author's to mend, unless its definition says that users see every failure (contract 6.1). */
function whoseFault(error: unknown, { stage }: StageRun): unknown {
  if (!stage.noApplicationErrors || !(error instanceof ApplicationError) || error.reason !== 'entrypoint') return error;
  return new UserError(error.message, { cause: error, ...(error.hint !== undefined && { hint: error.hint }) });
}

/** The container, and its files in the data folder unless an earlier process started it. */
async function ready(
  run: StageRun,
  documents: StageDocuments,
  { open, context }: { readonly open: () => Promise<Container>; readonly context: JobContext },
): Promise<{ readonly container: Container; readonly fresh: boolean }> {
  if (!context.resumed) {
    const [container] = await Promise.all([open(), writeStageFiles(run, documents, context)]);
    return { container, fresh: true };
  }
  const container = await open();
  const fresh = (await container.status()) === 'created';
  if (fresh) await writeStageFiles(run, documents, context);
  return { container, fresh };
}

/** A stage whose outcome is recorded may have left its container and unread output when the process that ran it was killed. */
export async function finishRecordedStage(
  run: StageRun,
  { newState }: StageOutcome,
  context: JobContext,
): Promise<void> {
  stageDocuments(run, context);
  learnState(newState, context);
  const output = followStage(run, context);
  await removeContainer({ ...run, output }, context);
  await output.drained;
}

interface RunningStage extends StageRun {
  readonly container: Container;
  readonly output: StageOutput;
  /** False when an earlier process started it. */
  readonly fresh: boolean;
}

async function runToExit(run: RunningStage, context: JobContext): Promise<Exited> {
  const { container, output, fresh } = run;
  const started = Date.now();
  context.emit({ ...about(run), type: 'stage', status: fresh ? 'started' : 'adopted' });
  const deadline = fresh ? await start(run, context) : recordedDeadline(run, context);
  const { exit, killedBy } = await supervise(container, { deadline, output, context });
  // Nobody watched a container that was adopted: its limit holds all the same, however it ended.
  const isLate = Date.parse(exit.exitedAt) >= deadline && (exit.code > 128 || !fresh);
  const reason = killedBy ?? (isLate ? 'timeout' : undefined);
  const stopped = reason === 'stop' ? { stopped: failureOf(classify(context.signal.reason)) } : {};
  const usage = await container.usage();
  const exited = { exit, ...(reason && { killedBy: reason }), ...stopped, usage, durationMs: Date.now() - started };
  await context.journal.note(exitedNote(run), exited);
  return exited;
}

async function start(run: RunningStage, context: JobContext): Promise<number> {
  const deadline = Date.now() + run.stage.timeoutSeconds * 1000;
  await context.journal.note(startingNote(run), { deadline });
  context.signal.throwIfAborted();
  await run.container.start();
  return deadline;
}

function recordedDeadline(run: StageRun, context: JobContext): number {
  const note = context.journal.find('transition', startingNote(run));
  return (note?.value as { deadline: number } | undefined)?.deadline ?? Date.now() + run.stage.timeoutSeconds * 1000;
}

interface EndedStage extends Leaving {
  readonly exited: Exited;
}

interface Leaving extends StageRun {
  readonly output: StageOutput;
  /** Absent when an earlier process saw it end. */
  readonly container?: Container;
}

async function conclude(run: EndedStage, context: JobContext): Promise<StageOutcome> {
  const { stage, output, exited } = run;
  const { exit, usage, durationMs, killedBy } = exited;
  const removal = removeContainer(run, context);
  context.background.add(removal);
  context.background.add(output.drained);
  if (exited.stopped !== undefined) {
    await removal;
    throw errorOf(await withLastLines(exited.stopped, output));
  }
  if (stage.asImageUser) await resetOwnership(run.dir);
  const failed = exit.code !== 0 || usage.oomKills > 0 || killedBy !== undefined;
  if (failed) {
    // The message is made of the whole output, and the last of it is there only once the task has been deleted.
    await removal;
    // A flood is cut off where it was noticed.
    await output.drained.catch(() => undefined);
  }
  const judged = await withStageFiles(run, judge(run), context);
  const explanation =
    judged.outcome === 'success' ? undefined : (judged.explanation ?? (await explained(run, judged, context)));
  // Told when the last line has been: nobody speaks after the end.
  const finished = {
    ...about(run),
    type: 'stage',
    status: 'finished',
    exitCode: exit.code,
    durationMs,
    ...told(usage),
  } as const;
  context.background.add(output.drained.catch(() => undefined).then(() => context.emit(finished)));
  return {
    ...judged,
    ...(explanation && { explanation }),
    exitCode: exit.code,
    exitedAt: exit.exitedAt,
    durationMs,
    usage,
  };
}

function told({ peakMemoryBytes, cpuSeconds, readBytes, writtenBytes }: Usage) {
  return {
    ...(peakMemoryBytes !== undefined && { peakMemoryBytes }),
    ...(cpuSeconds !== undefined && { cpuSeconds }),
    ...(readBytes !== undefined && { readBytes }),
    ...(writtenBytes !== undefined && { writtenBytes }),
  };
}

/** What ended the job ended the container as well; when somebody must act, its last words may help. */
async function withLastLines(failure: Failure, output: StageOutput): Promise<Failure> {
  if (failure.explanation === undefined) return failure;
  await output.drained.catch(() => undefined);
  return { ...failure, explanation: { ...failure.explanation, lastLines: await output.lastLines() } };
}

async function explained(run: EndedStage, { outcome }: Told, context: JobContext): Promise<Explanation> {
  const { stage, exited, output } = run;
  const { exit, usage, killedBy } = exited;
  const started = recordedDeadline(run, context) - stage.timeoutSeconds * 1000;
  return explain({
    outcome,
    exitCode: exit.code,
    killedBy,
    usage,
    seconds: Math.max(0, Date.parse(exit.exitedAt) - started) / 1000,
    plan: stage,
    logBytes: context.settings.logBacklogBytes,
    lastLines: await output.lastLines(),
  });
}

/** What the main stage told in files joins the verdict; files that cannot be read are the component's failure. */
async function withStageFiles(run: EndedStage, judged: Verdict, context: JobContext): Promise<Told> {
  if (run.stage.role !== 'main') return judged;
  try {
    return { ...judged, ...(await readStageFiles(run, judged.outcome === 'success', context)) };
  } catch (thrown) {
    const error = classify(thrown);
    if (error.class !== 'user' && error.class !== 'application') throw error;
    const { outcome, explanation } = failureOf(error);
    return { outcome, message: error.message, ...(explanation && { explanation }) };
  }
}

type Told = Pick<StageOutcome, 'outcome' | 'message' | 'explanation' | 'newState' | 'usageMetrics'>;

function judge({ stage, imageName, exited, output }: EndedStage): Verdict {
  return verdict({
    exitCode: exited.exit.code,
    oomKills: exited.usage.oomKills,
    killedBy: exited.killedBy,
    image: imageName,
    container: stage.name,
    memoryText: stage.memoryText,
    timeoutSeconds: stage.timeoutSeconds,
    noApplicationErrors: stage.noApplicationErrors,
    ...output.collected(),
  });
}

/** A container that cannot be removed now stays with the job's scope, which tries again; the stage's outcome is what it is. */
async function removeContainer({ row, stage, output, container }: Leaving, context: JobContext): Promise<void> {
  const what = containerName(stage);
  try {
    await (container?.remove() ?? context.engine.runtime.remove(containerIdOf({ row, stage }, context.journal)));
    context.scope.forget(what);
  } catch (error) {
    context.emit({ type: 'release-failed', what, message: classify(error).message });
  } finally {
    output.ended();
  }
}

function about({ row, stage }: StageRun): { row: number; stage: number; component: string } {
  return { row: row.index, stage: stage.index, component: stage.component };
}
