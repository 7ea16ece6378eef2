import { classify } from '../base/errors.ts';
import type { ReadyImage } from '../image/types.ts';
import { createAhead, stageStep } from './containers.ts';
import type { JobContext } from './context.ts';
import { createDataDir, type DataDir, dataDirOf, dropTrash, rotate } from './data-dir.ts';
import { removeTree } from './directory.ts';
import { fetchInputs } from './inputs.ts';
import { startOutputs } from './outputs.ts';
import { failureOf, stageFailure } from './result.ts';
import { finishRecordedStage, runStage } from './stage.ts';
import type { Failure, Inputs, Outputs, RowOutcome, RowPlan, StageOutcome } from './types.ts';

const noOutputs: Outputs = { tables: [], files: [], variables: {}, warnings: [] };
const noInputs: Inputs = { tables: [], processedTags: [] };

/**
 * One row: inputs, its stages one after the other with a rotation between them, outputs. Whatever the job's author or the component's must
 * mend is a value in the outcome, because tables that are written always leave all the same; the rest is thrown.
 */
export async function runRow(row: RowPlan, images: readonly ReadyImage[], context: JobContext): Promise<RowOutcome> {
  const { journal, emit, plan } = context;
  const name = `row/${row.index}`;
  const dir = dataDirOf(context.folder, row.index);
  const stages: StageOutcome[] = [];
  const outcome = { row: row.index, stages, inputs: noInputs, outputs: noOutputs };
  if (journal.find('step', `${name}/inputs`) === undefined) createDataDir(dir);
  const containers = createAhead(row, dir, images, context);

  emit({ type: 'phase', phase: 'inputs', row: row.index, rows: plan.rows.length });
  const inputs = await orFailure(() => journal.step(`${name}/inputs`, () => fetchInputs(row, dir, context)), context);
  // Without its inputs a component has written nothing (contract 4.8).
  if ('failure' in inputs) return { ...outcome, ...inputs };

  emit({ type: 'phase', phase: 'stages', row: row.index, rows: plan.rows.length });
  const ran = await orFailure(() => runStages({ row, dir, stages, containers }, context), context);

  emit({ type: 'phase', phase: 'outputs', row: row.index, rows: plan.rows.length });
  const failed = 'failure' in ran ? ran.failure : stageFailure(stages);
  const left = await leave({ row, dir, failed }, context);
  // The folder of a row that failed stays until the job has its result: what it came to may be asked for again after a crash.
  if (left.failure === undefined) context.background.add(removeTree(dir.root));
  return { ...outcome, inputs: inputs.value, ...left };
}

interface Stages {
  readonly row: RowPlan;
  readonly dir: DataDir;
  /** Filled on the way. */
  readonly stages: StageOutcome[];
  readonly containers: ReturnType<typeof createAhead>;
}

async function runStages({ row, dir, stages, containers }: Stages, context: JobContext): Promise<void> {
  const { journal, background, plan } = context;
  for (const stage of row.stages) {
    const step = stageStep(row.index, stage.index);
    const run = { row, stage, dir, imageName: plan.images[stage.image]?.printable ?? stage.component };
    const recorded = journal.find('step', step)?.value as StageOutcome | undefined;
    if (recorded !== undefined) background.add(finishRecordedStage(run, recorded, context));
    const open = containers[stage.index];
    if (open === undefined) throw new Error(`stage ${stage.index} has no container`);
    const outcome = await journal.step(step, () => runStage(run, open, context));
    stages.push(outcome);
    if (outcome.outcome !== 'success' || stage.index === row.stages.length - 1) break;
    await journal.step(`row/${row.index}/rotate/${stage.index}`, () => rotate(dir, stage.index));
    background.add(dropTrash(dir, stage.index));
  }
}

interface Leaving {
  readonly row: RowPlan;
  readonly dir: DataDir;
  readonly failed: Failure | undefined;
}

/** The output mapping; when the row failed, or the mapping itself does, once more for what is to be written always (contract 4.8). */
async function leave(
  { row, dir, failed }: Leaving,
  context: JobContext,
): Promise<{ readonly outputs: Outputs; readonly failure?: Failure }> {
  const { journal } = context;
  const name = `row/${row.index}/outputs`;
  const take = () => orFailure(() => startOutputs({ row, dir, pass: 'success' }, context), context);
  // A mapping that fails is recorded as well: a later process could not ask the component's folder again.
  const first = failed === undefined ? await journal.step(name, take) : { failure: failed };
  if (!('failure' in first)) return { outputs: first.value };
  // Whatever goes wrong in this pass, the error that matters is the first one.
  const outputs = await journal
    .step(`${name}/failed`, () => startOutputs({ row, dir, pass: 'failed' }, context))
    .catch(() => noOutputs);
  return { outputs, failure: first.failure };
}

/** The value, or why an author must act; what is the operator's to mend, and a stop, are thrown. */
async function orFailure<T>(
  work: () => Promise<T>,
  { signal }: JobContext,
): Promise<{ readonly value: T } | { readonly failure: Failure }> {
  try {
    return { value: await work() };
  } catch (thrown) {
    const error = classify(thrown);
    if (signal.aborted || (error.class !== 'user' && error.class !== 'application')) throw error;
    return { failure: failureOf(error) };
  }
}
