import { join } from 'node:path';
import { classify, InfrastructureError } from '../base/errors.ts';
import { derivedId } from '../base/ids.ts';
import type { Journal } from '../base/journal.ts';
import type { ReadyImage } from '../image/types.ts';
import type { Container, ContainerRequest } from '../runtime/types.ts';
import type { JobContext } from './context.ts';
import { createTmp, type DataDir, isReplaced } from './data-dir.ts';
import { removeTree } from './directory.ts';
import { ensureImageAgain } from './images.ts';
import { folderLabel } from './labels.ts';
import { cgroupOf, discardContainer } from './traces.ts';
import type { RowPlan, StagePlan } from './types.ts';

/** The names of a stage's steps and transitions in the journal. */
export function stageStep(row: number, stage: number): string {
  return `row/${row}/stage/${stage}`;
}

/** Noted before the start: from then on a container that is gone is `lost`. */
export function startingNote({ row, stage }: Named): string {
  return `${stageStep(row.index, stage.index)}/starting`;
}

/** Noted before the task is deleted. */
export function exitedNote({ row, stage }: Named): string {
  return `${stageStep(row.index, stage.index)}/exited`;
}

interface Named {
  readonly row: Pick<RowPlan, 'index'>;
  readonly stage: Pick<StagePlan, 'index' | 'container'>;
}

/**
 * The id of the stage's container: the plan's, or a later one that is noted in the journal, when a process died while it was being made.
 * containerd may still be undoing that, and an id is used once.
 */
export function containerIdOf({ row, stage }: Named, journal: Journal): string {
  const noted = journal.find('transition', `${stageStep(row.index, stage.index)}/container`);
  return (noted?.value as { readonly id: string } | undefined)?.id ?? stage.container;
}

/** Every id the stage's container ever had. */
export function containerIdsOf({ row, stage }: Named, { entries }: Journal): readonly string[] {
  const name = `${stageStep(row.index, stage.index)}/container`;
  const noted = entries
    .filter((entry) => entry.name === name)
    .map(({ value }) => (value as { readonly id: string }).id);
  return [stage.container, ...noted];
}

async function nextContainerId({ row, stage }: Named, journal: Journal): Promise<string> {
  const id = derivedId('next', containerIdOf({ row, stage }, journal));
  await journal.note(`${stageStep(row.index, stage.index)}/container`, { id });
  return id;
}

export function logPaths(
  folder: string,
  row: number,
  stage: number,
): { readonly stdout: string; readonly stderr: string } {
  const base = join(folder, 'logs', `${row}-${stage}`);
  return { stdout: `${base}.stdout`, stderr: `${base}.stderr` };
}

/** How the job's scope calls the container of a stage. */
export function containerName(stage: StagePlan): string {
  return `container ${stage.name}`;
}

/** How many containers of a row that wait for their turn there are at most: a chain of thirty stages does not hold thirty processes. */
const waitingContainers = 4;

/**
 * Gets the containers of a row's next stages ready while something else still runs: a stage change is then only a rotation and a start.
 * Returns one promise per stage; a failure surfaces when its stage is reached. Finished stages get none.
 */
export function createAhead(
  row: RowPlan,
  dir: DataDir,
  images: readonly ReadyImage[],
  context: JobContext,
): (() => Promise<Container>)[] {
  const { journal } = context;
  const opened = new Map<StagePlan, Promise<Container>>();
  const open = (stage: StagePlan): Promise<Container> => {
    const opening = openContainer({ row, stage, image: imageOf(stage, images), dir }, context);
    // What is released while it is being created would be there again afterwards.
    context.background.add(opening);
    opened.set(stage, opening);
    return opening;
  };
  const hasEnded = (stage: StagePlan): boolean =>
    (journal.find('step', stageStep(row.index, stage.index)) ??
      journal.find('transition', exitedNote({ row, stage }))) !== undefined;
  const toRun = row.stages.filter((stage) => !hasEnded(stage));
  const openFrom = (first: number): void => {
    for (const stage of toRun.slice(first, first + waitingContainers)) {
      if (!opened.has(stage) && mayBeCreatedAhead(imageOf(stage, images))) open(stage);
    }
  };
  openFrom(0);
  return row.stages.map((stage) => async () => {
    const at = toRun.indexOf(stage);
    if (at < 0) throw new Error(`stage ${stage.index} has finished`);
    const container = opened.get(stage) ?? open(stage);
    openFrom(at + 1);
    return await container;
  });
}

/** The working directory is opened at creation: one that lies in a folder that rotates would be the wrong one at the start. */
function mayBeCreatedAhead({ config }: ReadyImage): boolean {
  return !isReplaced(config.workingDir);
}

function imageOf(stage: StagePlan, images: readonly ReadyImage[]): ReadyImage {
  const image = images[stage.image];
  if (image === undefined) throw new Error(`the plan names no image ${stage.image}`);
  return image;
}

interface Wanted {
  readonly row: RowPlan;
  readonly stage: StagePlan;
  readonly image: ReadyImage;
  readonly dir: DataDir;
}

/** The stage's container: the one an earlier process left, else a new one. @throws InfrastructureError reason `lost` when it had been started and is gone. */
async function openContainer(wanted: Wanted, context: JobContext): Promise<Container> {
  const { stage } = wanted;
  const { scope, engine, journal, signal } = context;
  signal.throwIfAborted();
  const id = containerIdOf(wanted, journal);
  scope.own(containerName(stage), () => discardContainer(engine.runtime, id));
  if (!context.resumed) return await create(id, wanted, context);
  if (journal.find('transition', startingNote(wanted)) === undefined) {
    // It has done nothing yet, and a containerd that was restarted may be about to undo it: a new one is sure to be there.
    await discardContainer(engine.runtime, id);
    return await createAgain(wanted, context);
  }
  const left = await engine.runtime.open(id);
  if (left === undefined) throw goneContainer(stage);
  return left;
}

async function createAgain(wanted: Wanted, context: JobContext): Promise<Container> {
  const { row, stage } = wanted;
  const { scope, engine, journal, folder } = context;
  const logs = logPaths(folder, row.index, stage.index);
  await Promise.all([removeTree(logs.stdout), removeTree(logs.stderr)]);
  const id = await nextContainerId(wanted, journal);
  scope.own(containerName(stage), () => discardContainer(engine.runtime, id));
  return await create(id, wanted, context);
}

/** An image that was removed while the job needs it is got once more. */
async function create(id: string, wanted: Wanted, context: JobContext): Promise<Container> {
  const { runtime } = context.engine;
  try {
    return await runtime.create(containerRequest(id, wanted, context));
  } catch (error) {
    if (classify(error).reason !== 'image_gone') throw error;
  }
  const image = await ensureImageAgain(wanted.stage.image, wanted.image, context);
  return await runtime.create(containerRequest(id, { ...wanted, image }, context));
}

function goneContainer({ component }: StagePlan): InfrastructureError {
  return new InfrastructureError(`the container of ${component} was started and is gone; its outcome is not known`, {
    reason: 'lost',
    hint: 'The machine or containerd was restarted. Run the job again.',
  });
}

function containerRequest(id: string, { row, stage, image, dir }: Wanted, context: JobContext): ContainerRequest {
  return {
    id,
    image,
    labels: { ...stage.labels, [folderLabel]: context.folder },
    cgroupParent: cgroupOf(context.plan),
    env: stage.forwardToken ? { ...stage.env, ...context.tokenEnv } : stage.env,
    mounts: [
      { source: dir.data, destination: '/data' },
      { source: createTmp(dir, stage.index), destination: '/tmp' },
    ],
    user: stage.asImageUser ? 'image' : { uid: 1000, gid: 1000 },
    hostname: id.slice(0, 12),
    network: stage.network,
    sysctls: stage.sysctls,
    limits: stage.limits,
    policy: context.plan.policy,
    logs: logPaths(context.folder, row.index, stage.index),
  };
}
