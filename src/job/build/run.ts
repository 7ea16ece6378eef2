import { join } from 'node:path';
import { derivedId } from '../../base/ids.ts';
import type { ReadyImage } from '../../image/types.ts';
import type { JobContext } from '../context.ts';
import { jobFormat } from '../format.ts';
import { imageRequest } from '../image-request.ts';
import { folderLabel, formatLabel, jobLabel } from '../labels.ts';
import { cgroupOf, discardContainer } from '../traces.ts';
import type { ImagePlan } from '../types.ts';
import { openSecrets } from './request.ts';
import type { BuildPlan } from './types.ts';

/** An image of the plan that is built. */
export interface BuiltImagePlan extends ImagePlan {
  readonly build: BuildPlan;
  /** In the plan. */
  readonly index: number;
}

/** Builds the image, or finds it built. What an earlier process of the job had begun is removed, and begun anew. */
export async function buildImage(image: BuiltImagePlan, context: JobContext): Promise<ReadyImage> {
  const { plan, engine, cipher, folder, emit, signal } = context;
  const { component, build, index } = image;
  const ids = { component, project: plan.project.id, ...(plan.config !== undefined && { config: plan.config }) };
  const secrets = openSecrets(build, cipher, ids);
  for (const secret of secrets.hidden) context.secrets.add(secret);
  const { uri, username } = build.recipe.repository;
  if (username !== undefined && uri.startsWith('http:')) {
    emit({ type: 'message', level: 'warning', message: `the password for ${uri} goes over the network as it is` });
  }
  const { reference, ...base } = imageRequest(image, context);
  const request = {
    component,
    reference,
    recipe: build.recipe,
    secrets,
    secretsMark: cipher.mark(JSON.stringify(secrets.files)),
    base,
    workshop: {
      id: await nextId(index, context),
      labels: { [jobLabel]: plan.job, [formatLabel]: String(jobFormat), [folderLabel]: folder },
      cgroupParent: cgroupOf(plan),
      folder: join(folder, 'logs', `build-${index}`),
      policy: plan.policy,
    },
  };
  return await engine.buildImage(request, { emit, signal });
}

/** Noted before the container is made, so that whoever goes on with the job finds it. An id is used once. */
async function nextId(index: number, { journal, engine, plan }: JobContext): Promise<string> {
  const name = `build/${index}`;
  const earlier = journal.entries.filter((entry) => entry.name === name);
  for (const { value } of earlier) await discardContainer(engine.runtime, (value as { readonly id: string }).id);
  const id = derivedId(plan.node, plan.job, String(plan.attempt), name, String(earlier.length));
  await journal.note(name, { id });
  return id;
}
