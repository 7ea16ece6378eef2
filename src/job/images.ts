import { InfrastructureError } from '../base/errors.ts';
import type { Emit } from '../base/events.ts';
import type { ReadyImage } from '../image/types.ts';
import type { BuiltImagePlan } from './build/run.ts';
import type { JobContext } from './context.ts';
import { imageRequest } from './image-request.ts';

/**
 * All images at once, and before any input is fetched: a wrong name costs nothing. The first one that fails ends the others, and each of
 * them has tidied up before the failure is told.
 */
export async function ensureImages(context: JobContext): Promise<readonly ReadyImage[]> {
  context.emit({ type: 'phase', phase: 'images' });
  const failed = new AbortController();
  const signal = AbortSignal.any([context.signal, failed.signal]);
  const emit = eachMessageOnce(context.emit);
  const works = context.plan.images.map((_, index) => ensureImage(index, { ...context, emit, signal }));
  for (const work of works) work.catch((error: unknown) => failed.abort(error));
  await Promise.allSettled(works);
  failed.signal.throwIfAborted();
  return await Promise.all(works);
}

/** Several components may have the same image, and the same is to be said of it. */
function eachMessageOnce(emit: Emit): Emit {
  const said = new Set<string>();
  return (event) => {
    if (event.type !== 'message') return emit(event);
    if (!said.has(event.message)) emit(event);
    said.add(event.message);
  };
}

/** Only who builds an image pays for what that takes. */
async function buildImage(image: BuiltImagePlan, context: JobContext): Promise<ReadyImage> {
  const builds = await import('./build/run.ts');
  return await builds.buildImage(image, context);
}

/**
 * The image that the job began with, once more: somebody removed it while the job ran, or before it was resumed.
 * @throws InfrastructureError when there is another one under its name by now; what getting it throws
 */
export async function ensureImageAgain(index: number, was: ReadyImage, context: JobContext): Promise<ReadyImage> {
  const { emit } = context;
  const message = `${was.name} was removed while the job needs it; it is got once more`;
  emit({ type: 'message', level: 'warning', message });
  const image = await ensureImage(index, context);
  if (image.chainId === was.chainId) return image;
  throw new InfrastructureError(`${was.name} was removed while the job ran, and is ${image.digest} now`, {
    reason: 'image_gone',
    hint: 'Run the job again; it then uses one image from the beginning to the end.',
  });
}

async function ensureImage(index: number, context: JobContext): Promise<ReadyImage> {
  const { engine, emit, signal, plan } = context;
  const image = plan.images[index];
  if (image === undefined) throw new Error(`the plan names no image ${index}`);
  if (image.build !== undefined) return await buildImage({ ...image, build: image.build, index }, context);
  return await engine.ensureImage(imageRequest(image, context), { emit, signal });
}
