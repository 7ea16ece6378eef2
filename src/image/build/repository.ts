import { UserError } from '../../base/errors.ts';
import { createRedactor } from '../../base/redactor.ts';
import { askInput, commitOf, fetchInput } from './git.ts';
import { textsOf } from './small-files.ts';
import { type TarFile, tarOf, textFiles } from './tar.ts';
import type { BuildRequest } from './types.ts';
import type { Workshop } from './workshop.ts';

/** Commands may know better how to tell that a repository cannot be read: they are run then, and nothing is kept for later. */
export async function askForCommit({ recipe, secrets }: BuildRequest, workshop: Workshop): Promise<string | undefined> {
  const repository = { ...recipe.repository, ...(secrets.password !== undefined && { password: secrets.password }) };
  const { refs, failed } = await texts(workshop, textFiles(askInput(repository, recipe.version)));
  if (failed !== undefined) {
    if (recipe.how.kind === 'commands') return undefined;
    // A server that is asked with a password may say it.
    const said = createRedactor(secrets.hidden).redactText(failed.trim());
    throw new UserError(`the repository ${repository.uri} cannot be read: ${said}`, { reason: 'build' });
  }
  try {
    return commitOf(refs ?? '', repository, recipe.version);
  } catch (error) {
    if (recipe.how.kind === 'commands') return undefined;
    throw error;
  }
}

export async function fetchDockerfile({ recipe }: BuildRequest, commit: string, workshop: Workshop): Promise<string> {
  const { how, repository } = recipe;
  const path = how.kind === 'dockerfile' ? how.path : '';
  const { Dockerfile } = await texts(workshop, textFiles(fetchInput(repository, commit, path)));
  if (Dockerfile !== undefined) return Dockerfile;
  throw new UserError(`commit ${commit} of ${repository.uri} has no file ${path}`, { reason: 'build' });
}

async function texts(workshop: Workshop, files: readonly TarFile[]): Promise<Readonly<Record<string, string>>> {
  let found: Readonly<Record<string, string>> = {};
  await workshop.step(tarOf(files), async (output) => {
    found = await textsOf(output);
  });
  return found;
}
